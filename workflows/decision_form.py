"""The form in which a student answers what an execution asks."""

from typing import Any

from django import forms

from workflows.approvals import MAX_COMMENT
from workflows.models import Approval


class DecisionForm(forms.Form):
    """An answer to what an execution asks."""

    decision = forms.ChoiceField(choices=[], widget=forms.HiddenInput)
    comment = forms.CharField(required=False, max_length=MAX_COMMENT, strip=True)
    result = forms.JSONField(required=False)

    def __init__(self, *args: Any, approval: Approval, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["decision"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(decision, decision) for decision in approval.possible_decisions]
        choice.error_messages["required"] = "Choose one of the buttons."

    def clean(self) -> dict[str, Any]:
        """Leave a result out where none belongs, so that a text typed in vain refuses nothing."""
        cleaned = super().clean() or {}
        if cleaned.get("decision") != Approval.Decision.DONE:
            cleaned["result"] = None
        return cleaned
