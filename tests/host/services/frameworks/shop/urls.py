import logging

from django.urls import path


def pay(request):
    logging.getLogger("shop").warning("late", extra={"order": 7})
    raise LookupError("no such order")


urlpatterns = [path("pay", pay)]
