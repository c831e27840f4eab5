"""Forms of sign-up and profile."""

from typing import Any

from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms

from coreengine.accounts.models import User


class SignupForm(BaseSignupForm):
    """Name, e-mail address and password."""

    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name", "placeholder": "Mira Kowalski"})
    )
    field_order = ["name", "email", "password1"]

    def save(self, request: Any) -> User:
        """Make the account and keep the name."""
        user = super().save(request)
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])
        return user
