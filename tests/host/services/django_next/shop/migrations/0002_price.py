"""The second schema: code that knows the first alone works with it as well."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("shop", "0001_item"),)
    operations = (migrations.AddField("Item", "price", models.IntegerField(null=True)),)
