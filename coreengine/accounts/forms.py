"""Forms of sign-up, profile and access tokens."""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms
from django.utils import timezone

from coreengine.accounts.models import ApiToken, User


class SignupForm(BaseSignupForm):
    """Name, e-mail address and password; the browser adds its time zone."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    time_zone = forms.CharField(
        max_length=64, required=False, widget=forms.HiddenInput(attrs={"data-detect-zone": "signup"})
    )
    field_order = ["name", "email", "password1", "time_zone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"
        self.fields["password1"].help_text = "At least 10 characters; three unrelated words are good."
        for name in self.fields:
            self.fields[name].widget.attrs.pop("placeholder", None)

    def clean_time_zone(self) -> str:
        """Take the browser's zone where it is one; it is a convenience, so a wrong one is no error."""
        zone = self.cleaned_data["time_zone"]
        return zone if zone in available_timezones() else "UTC"

    def save(self, request: Any) -> User:
        """Make the account and keep the name."""
        user = super().save(request)
        user.name = self.cleaned_data["name"].strip()
        user.time_zone = self.cleaned_data["time_zone"]
        user.save(update_fields=["name", "time_zone"])
        return user


class ProfileForm(forms.ModelForm):
    """What a person says about themselves."""

    class Meta:
        model = User
        fields = ["name", "time_zone", "theme", "has_shortcuts"]
        labels = {"has_shortcuts": "Keyboard shortcuts", "time_zone": "Time zone"}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "time_zone": forms.TextInput(
                attrs={"list": "time-zones", "data-detect-zone": "zone-offer", "autocomplete": "off"}
            ),
            "theme": forms.RadioSelect,
            "has_shortcuts": forms.CheckboxInput(attrs={"class": "switch"}),
        }


class TokenForm(forms.Form):
    """A new access token."""

    LIFETIMES = [("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"), ("", "never")]

    name = forms.CharField(max_length=80)
    scope = forms.ChoiceField(label="May", choices=ApiToken.Scope.choices, initial=ApiToken.Scope.READ)
    expires = forms.ChoiceField(label="Expires", choices=LIFETIMES, initial="90", required=False)

    def changes(self) -> dict[str, Any]:
        """Return what the service wants to know."""
        days = self.cleaned_data["expires"]
        expires_at = timezone.now() + timedelta(days=int(days)) if days else None
        return {"name": self.cleaned_data["name"], "scope": self.cleaned_data["scope"], "expires_at": expires_at}
