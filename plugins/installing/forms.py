"""Forms of admins who install plugins. They parse; the services check and keep."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

MAX_SIGNATURE_BYTES = 4096


class InstallForm(forms.Form):
    """An archive, and what its maker says about it."""

    archive = forms.FileField(
        label="Archive",
        help_text="The plugin’s folder as .tar.gz or .zip, at most 20 MiB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".tar.gz,.tgz,.zip"}),
    )
    checksum = forms.CharField(
        required=False,
        max_length=300,
        label="SHA-256",
        help_text="If you were given one, it is compared with the archive.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    signature = forms.FileField(
        required=False,
        label="Signature",
        help_text="A file with an Ed25519 signature of the archive, if there is one.",
    )

    def clean_signature(self) -> bytes:
        """Return the signature's bytes, none if none was given."""
        upload = self.cleaned_data.get("signature")
        return upload.read(MAX_SIGNATURE_BYTES) if upload else b""

    def take_errors(self, error: ValidationError) -> None:
        """Show what the service refused at its field."""
        for name, messages in error.message_dict.items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)


class NameForm(forms.Form):
    """The name of a plugin, typed by whoever means to remove it."""

    name = forms.CharField(
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )

    def __init__(self, wanted: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = f"Type {wanted} to confirm"
