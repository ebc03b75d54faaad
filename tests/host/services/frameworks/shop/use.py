import os

import django
from django.test import Client

os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
django.setup()
Client(raise_request_exception=False).get("/pay")
