"""How the OpenAPI document is made: summaries from docstrings, problem documents for errors."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "messages by field; the empty key stands for the whole",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}


# What the shared viewsets do, where a view says nothing of its own: their names for it would be "partial_update".
VERBS = {
    "list": "List",
    "retrieve": "Read one",
    "create": "Make one",
    "update": "Replace one",
    "partial_update": "Change one",
    "destroy": "Delete one",
}
LONGEST_SUMMARY = 120


class Schema(AutoSchema):
    """Adds a summary in words and the error answer to every operation."""

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular takes nothing
        """What a view's method says; for what is shared by all, what the collection is."""
        own = super().get_description()
        action = getattr(self.view, "action", None)
        return own if action not in VERBS or self._says_itself(action) else str(self.view.get_view_description())

    def get_summary(self) -> str:
        """The first sentence; for the shared methods the verb and what the collection is."""
        said = super().get_summary()
        if said:
            return str(said)
        first = _first_sentence(self.get_description())
        action = getattr(self.view, "action", None)
        if action in VERBS and not self._says_itself(action):
            return f"{VERBS[action]}: {first[:1].lower()}{first[1:]}"[:LONGEST_SUMMARY]
        return first[:LONGEST_SUMMARY]

    def _says_itself(self, action: str) -> bool:
        """Whether the view describes this method, rather than inheriting it from the conventions."""
        home = next((base for base in type(self.view).__mro__ if action in vars(base)), object)
        is_shared = home.__module__.startswith(("rest_framework.", "coreengine.kernel.api."))
        return not is_shared and bool(vars(home)[action].__doc__)

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation["responses"]["default"] = {
                "description": "The request failed; the document says why.",
                "content": {"application/problem+json": {"schema": PROBLEM}},
            }
        return operation


def _first_sentence(text: str) -> str:
    line = " ".join(text.split("\n\n")[0].split())
    return line.split(". ")[0].rstrip(".")
