"""Secrets at rest."""

from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from coreengine.kernel.fields import EncryptedJSONField, Undecryptable


@pytest.fixture
def vault(db: None) -> Any:
    """A table with one encrypted column."""
    with isolate_apps("coreengine.kernel"):

        class Vault(models.Model):
            secret = EncryptedJSONField(null=True)

            class Meta:
                app_label = "kernel"
                db_table = "test_vault"

            def __str__(self) -> str:
                return "vault"

    with connection.schema_editor() as editor:
        editor.create_model(Vault)
    return Vault


def raw() -> bytes:
    with connection.cursor() as sql:
        sql.execute("SELECT secret FROM test_vault")
        return bytes(sql.fetchone()[0])


def test_what_is_stored_does_not_show_the_secret(vault: Any) -> None:
    vault.objects.create(secret={"token": "s3cr3t-canary"})

    assert b"canary" not in raw()
    assert vault.objects.get().secret == {"token": "s3cr3t-canary"}


def test_an_older_key_still_opens(vault: Any, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["old key"]
    vault.objects.create(secret=[1, 2])

    settings.FIELD_ENCRYPTION_KEYS = ["new key", "old key"]
    assert vault.objects.get().secret == [1, 2]


def test_a_lost_key_is_said_clearly(vault: Any, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["old key"]
    vault.objects.create(secret="x")
    settings.FIELD_ENCRYPTION_KEYS = ["other key"]

    with pytest.raises(Undecryptable, match="FIELD_ENCRYPTION_KEYS"):
        vault.objects.get()


def test_nothing_stays_nothing(vault: Any) -> None:
    vault.objects.create(secret=None)

    assert vault.objects.get().secret is None
