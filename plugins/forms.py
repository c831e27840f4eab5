"""The settings form of a plugin, made from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from plugins.manifest import Authentication, Manifest
from plugins.models import Connection
from plugins.rules import MAX_CREDENTIAL_LENGTH, credential_fields, home_settings
from plugins.settings_form import field_for


class ConnectionForm(forms.Form):
    """Label, settings and credential of a connection, for one way to connect. It parses; the services check and save.

    `way` is what the student chose; its fields are those that this way needs.
    """

    def __init__(
        self,
        manifest: Manifest,
        *args: Any,
        way: Authentication | None = None,
        connection: Connection | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.manifest = manifest
        self.connection = connection
        self.way = way
        required = manifest.settings_schema.get("required", ())
        self.setting_names = list(manifest.settings_schema.get("properties", {}))
        homes = home_settings(manifest)
        for name in sorted(self.setting_names, key=lambda item: item not in homes):
            schema = manifest.settings_schema["properties"][name]
            # A feed's address names the host, so nobody has to type it as well.
            is_required = name in required and not (name in homes and self.takes_feed)
            self.fields[name] = field_for(name, schema, is_required=is_required, is_home=name in homes)
            if name in homes:
                self.fields[name].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false", "inputmode": "url"}
        self.credential_names = list(credential_fields(way))
        is_kept = bool(connection and connection.has_credential and connection.authentication == way)
        for name, label in credential_fields(way).items():
            self.fields[name] = _credential_field(name, label, is_kept=is_kept)
        self.fields["label"] = forms.CharField(
            required=False,
            max_length=100,
            label="Name",
            help_text="What you call this connection. Empty: the service and its host.",
        )
        self.order_fields([*homes, *self.credential_names])

    @property
    def takes_feed(self) -> bool:
        """True if the credential is the secret address of a feed."""
        return self.way is not None and self.way.type == "feed_url"

    @property
    def credential_bound(self) -> list[forms.BoundField]:
        """The credential's fields."""
        return [self[name] for name in self.credential_names]

    @property
    def home_bound(self) -> list[forms.BoundField]:
        """The fields that name the host; none where the feed's address does."""
        if self.takes_feed and self.connection is None and not self.errors:
            return []
        return [self[name] for name in home_settings(self.manifest) if name in self.fields]

    @property
    def other_bound(self) -> list[forms.BoundField]:
        """The other settings, then the name."""
        homes = home_settings(self.manifest)
        return [self[name] for name in [*self.setting_names, "label"] if name not in homes]

    def configuration(self) -> dict[str, Any]:
        """Return the settings as typed."""
        return {name: self.cleaned_data.get(name) for name in self.setting_names}

    def credential(self) -> dict[str, str]:
        """Return what was typed of the credential; empty fields are left out."""
        return {name: self.cleaned_data[name] for name in self.credential_names if self.cleaned_data.get(name)}

    def take_errors(self, errors: Mapping[str, list[Any]]) -> None:
        """Put the services' errors at their fields; what has no field is said above the form."""
        for name, messages in errors.items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)


def initial_values(connection: Connection) -> dict[str, Any]:
    """Return what the form of an existing connection shows: never its credential."""
    return {**connection.configuration, "label": connection.label}


def _credential_field(name: str, label: str, *, is_kept: bool) -> forms.Field:
    # Never filled in again: the browser is not told what is stored, and must not offer to store it either.
    attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
    if name == "url":
        attrs |= {"inputmode": "url", "placeholder": "https://"}
    # An address is as secret as a password, but nobody can check a pasted one that is hidden.
    widget = (
        forms.TextInput(attrs=attrs)
        if name in {"username", "url"}
        else forms.PasswordInput(attrs=attrs, render_value=True)
    )
    note = "Leave it empty to keep the stored one." if is_kept else ""
    return forms.CharField(
        label=label, required=not is_kept, widget=widget, help_text=note, max_length=MAX_CREDENTIAL_LENGTH
    )
