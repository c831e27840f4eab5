"""Django's templates, which let go of what they showed once it is rendered. The settings name it as the BACKEND.

A context and the values pushed onto it point to each other, so that all that a page shows (a thousand entries of a
calendar) waited for the garbage collector, which took a twelfth of such a page's time.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.backends import django as backend
from django.template.context import make_context
from django.utils.safestring import SafeString


class Template(backend.Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> SafeString:
        """Render as Django does; the context is emptied behind it."""
        made = make_context(context, request, autoescape=self.backend.engine.autoescape)
        try:
            return self.template.render(made)
        except TemplateDoesNotExist as error:
            backend.reraise(error, self.backend)
            raise
        finally:
            made.dicts = []


class Templates(backend.DjangoTemplates):
    def from_string(self, template_code: str) -> Template:
        return Template(self.engine.from_string(template_code), self)

    def get_template(self, template_name: str) -> Template:
        try:
            return Template(self.engine.get_template(template_name), self)
        except TemplateDoesNotExist as error:
            backend.reraise(error, self)
            raise
