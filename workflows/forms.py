"""Forms of the workflow pages."""

import json
from typing import Any

from django import forms

from workflows.models import Workflow


class InputsForm(forms.Form):
    """The inputs of a workflow, one field for each property of its JSON Schema."""

    def __init__(self, schema: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        required = set(schema.get("required") or [])
        for name, described in (schema.get("properties") or {}).items():
            self.fields[name] = self._field(name, described if isinstance(described, dict) else {}, name in required)

    @classmethod
    def of(cls, workflow: Workflow, data: Any = None) -> "InputsForm":
        """Ask for a workflow's inputs; what a shipped one knows of its connection is not asked."""
        schema = dict((workflow.version.definition.get("inputs") if workflow.version else None) or {})
        if workflow.connection_id is not None:
            known = {"connection"}
            schema["properties"] = {k: v for k, v in (schema.get("properties") or {}).items() if k not in known}
            schema["required"] = [name for name in schema.get("required") or [] if name not in known]
        return cls(schema, data)

    @staticmethod
    def _field(name: str, described: dict[str, Any], is_required: bool) -> forms.Field:
        options = {
            "label": described.get("title") or name.replace("_", " ").capitalize(),
            "help_text": described.get("description", ""),
            "initial": described.get("default"),
            "required": is_required,
        }
        if choices := described.get("enum"):
            blank = [] if is_required else [("", "–")]
            return forms.TypedChoiceField(
                choices=[*blank, *((json.dumps(c), str(c)) for c in choices)],
                coerce=json.loads,
                empty_value=None,
                **options,
            )
        match described.get("type"):
            case "integer":
                return forms.IntegerField(
                    min_value=described.get("minimum"), max_value=described.get("maximum"), **options
                )
            case "number":
                return forms.FloatField(
                    min_value=described.get("minimum"), max_value=described.get("maximum"), **options
                )
            case "boolean":
                return forms.BooleanField(**{**options, "required": False})
            case "object" | "array":
                return forms.JSONField(**options)
        return forms.CharField(max_length=described.get("maxLength", 20_000), **options)

    def inputs(self) -> dict[str, Any]:
        """Return what was filled in; what was left empty is left out, so that defaults apply."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
