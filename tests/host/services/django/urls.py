"""The shop's one page: what its database has of each item."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path
from shop.models import Item


def page(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"items": list(Item.objects.values())})


urlpatterns = [path("", page)]
