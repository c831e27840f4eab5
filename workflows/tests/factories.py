"""The smallest valid workflows."""

from __future__ import annotations

from typing import Any

import factory

from coreengine.accounts.models import User
from workflows.models import Workflow
from workflows.versions import create_workflow

SOURCE = """\
name: Tell me
inputs:
  properties:
    text: {type: string, default: hello}
steps:
  - name: tell
    type: system_action
    config:
      action: create_notification
      params:
        title: "{{ inputs.text }}"
"""


class OwnerFactory(factory.django.DjangoModelFactory):
    """A student."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"student{n}@example.edu")


def make_workflow(owner: Any, source: str = SOURCE, **fields: Any) -> Workflow:
    """A workflow of one step that tells its input."""
    return create_workflow(owner, by=owner, source=source, **fields)
