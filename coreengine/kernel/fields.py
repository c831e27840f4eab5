"""Model fields: JSON in the order in which it was written, and what is encrypted at rest."""

import base64
import hashlib
import json
from functools import lru_cache, partial
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from psycopg.types.json import Json


class WrittenJSONField(models.JSONField):
    """JSON that keeps its keys in the order in which they were written, which jsonb does not. Not to be queried."""

    def db_type(self, connection: Any) -> str:
        """Name the type that keeps the text."""
        return "json"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Hand the value over as text: as jsonb it would lose its order on the way."""
        return Json(value, dumps=partial(json.dumps, cls=self.encoder)) if value is not None else None

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Take the value as the driver read it."""
        return value


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    # Any passphrase is accepted as a key: its digest has the length that Fernet needs.
    digests = [hashlib.sha256(b"coreengine.fields:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def cipher() -> MultiFernet:
    """Return the cipher of FIELD_ENCRYPTION_KEYS (newest first), or of SECRET_KEY where none is set."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS) or (settings.SECRET_KEY,))


class Undecryptable(ValueError):
    """A stored secret cannot be read with any of the keys in the settings."""


class EncryptedTextField(models.BinaryField):
    """Text that only this application can read. It cannot be filtered by, and admin forms leave it out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:
            return None
        try:
            return self.load(cipher().decrypt(bytes(value)).decode())
        except InvalidToken as error:
            raise Undecryptable(
                f"{self.model.__name__}.{self.name} was encrypted with a key that FIELD_ENCRYPTION_KEYS no longer has."
            ) from error

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        return connection.Database.Binary(cipher().encrypt(self.dump(value).encode()))

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_default(self) -> Any:
        if self.has_default():
            return self.default() if callable(self.default) else self.default
        return None if self.null else ""

    def value_to_string(self, obj: models.Model) -> str:
        """Dumps of the database's rows carry no secret."""
        return ""

    def load(self, text: str) -> Any:
        return text

    def dump(self, value: Any) -> str:
        return str(value)


class EncryptedJSONField(EncryptedTextField):
    """A JSON value that only this application can read."""

    def load(self, text: str) -> Any:
        return json.loads(text)

    def dump(self, value: Any) -> str:
        return json.dumps(value, cls=DjangoJSONEncoder)
