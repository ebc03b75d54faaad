"""The first schema, with one item."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def add_an_item(apps: Any, _editor: object) -> None:
    apps.get_model("shop", "Item").objects.create(name="tea")


class Migration(migrations.Migration):
    operations = (
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20)),
            ],
        ),
        migrations.RunPython(add_an_item),
    )
