"""The system actions that belong to no app."""

from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import BaseModel, ConfigDict, Field, field_validator

from coreengine.kernel.actions import ActionContext, system_action
from coreengine.kernel.mail import queue_email
from coreengine.kernel.notifications import notify


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreateNotification(_Params):
    """A line in the bell."""

    title: str = Field(min_length=1, max_length=200)
    content: str = Field(default="", max_length=20_000)
    priority: Literal["low", "medium", "high", "urgent"] = "medium"
    url: str = Field(default="", max_length=500, pattern=r"^(/([^/\\].*)?)?$")
    group: str = Field(default="", max_length=120, description="What it is one of; the bell bundles those in a row")


class UpdateVariable(_Params):
    """A variable of the running execution."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
    value: Any


class SendEmail(_Params):
    """A mail to one person."""

    to: str
    subject: str = Field(min_length=1, max_length=300)
    body: str = Field(max_length=100_000)

    @field_validator("to")
    @classmethod
    def is_an_address(cls, to: str) -> str:
        """Refuse what is no e-mail address; a template is checked once it is filled in."""
        if "{{" not in to:
            try:
                validate_email(to)
            except ValidationError as error:
                raise ValueError("not an e-mail address") from error
        return to


@system_action(
    "create_notification", params=CreateNotification, writes=True, summary="Put a line into the bell.", is_brief=True
)
def create_notification(context: ActionContext, params: CreateNotification) -> dict[str, Any]:
    """Put a notification into the student's bell."""
    url = params.url or (f"/executions/{context.execution_id}/" if context.execution_id else "")
    notification = notify(
        context.owner,
        title=params.title,
        content=params.content,
        priority=params.priority,
        url=url,
        kind="workflow",
        group=params.group,
    )
    return {"status": "notification_created", "notification": notification.pk}


@system_action(
    "update_variable", params=UpdateVariable, writes=True, summary="Set a variable of the execution.", is_brief=True
)
def update_variable(context: ActionContext, params: UpdateVariable) -> dict[str, Any]:
    """Set a variable for the steps that follow."""
    context.variables[params.name] = params.value
    return {"variable": params.name, "value": params.value}


@system_action("send_email", params=SendEmail, writes=True, summary="Send a mail to your own address.", is_brief=True)
def send_email(context: ActionContext, params: SendEmail) -> dict[str, Any]:
    """Write the mail to the outbox in this transaction; a worker sends it after the commit.

    Students may write to their own address only: the server is no relay for anyone's mail.
    """
    if params.to.casefold() != context.owner.email.casefold() and not context.owner.is_staff:
        raise ValidationError({"to": f"A workflow may send mail to your own address ({context.owner.email}) only."})
    queue_email(
        to=params.to,
        subject=params.subject,
        body=params.body,
        owner=context.owner,
        idempotency_key=context.idempotency_key or None,
    )
    return {"status": "email_queued"}
