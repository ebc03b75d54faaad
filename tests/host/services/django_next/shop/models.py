"""An item, as this version of the shop knows it."""

from __future__ import annotations

from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=20)
    price = models.IntegerField(null=True)

    def __str__(self) -> str:
        return str(self.name)
