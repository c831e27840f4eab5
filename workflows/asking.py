"""Questions to students, written down and told in the transaction in which a step begins or ends to wait."""

from __future__ import annotations

from coreengine.accounts.models import User
from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import mark_read, notify
from workflows.approval_models import Approval
from workflows.engine.ledger import Ledger
from workflows.engine.records import Question
from workflows.models import Workflow

KIND = "approval"
"""Of notifications."""


def keep_questions(ledger: Ledger) -> None:
    """Write what a transaction asked and what was answered. The bell tells a question until it is answered."""
    execution, answered = ledger.execution, {answer.path for answer in ledger.answers}
    for question in ledger.questions:
        approval = Approval.objects.create(
            owner_id=execution.owner_id,
            execution_id=execution.id,
            path=question.path,
            kind=question.kind,
            message=question.message,
            timeout_action=question.timeout_action,
            created_at=ledger.now,
            deadline_at=question.until,
        )
        if question.path not in answered:  # else it was withdrawn at once
            _tell(ledger, question, approval)
    for answer in ledger.answers:
        for approval in Approval.objects.open().filter(execution_id=execution.id, path=answer.path):
            approval.decision = answer.decision
            approval.decided_by_id = answer.by
            approval.decided_at = ledger.now
            approval.comment = answer.comment
            approval.save(update_fields=["decision", "decided_by", "decided_at", "comment"])
            told = Notification.objects.filter(owner_id=execution.owner_id, url=approval.get_absolute_url())
            mark_read(told)


def _tell(ledger: Ledger, question: Question, approval: Approval) -> None:
    name = Workflow.objects.values_list("name", flat=True).get(pk=ledger.execution.workflow_id)[:120]
    if question.kind == Approval.Kind.APPROVAL:
        title = f"“{name}” asks for your decision"
    else:
        title = f"“{name}” does not know what became of a step"
    notify(
        User.objects.get(pk=ledger.execution.owner_id),
        title=title,
        content=question.message[:2_000],
        priority="high",
        url=approval.get_absolute_url(),
        kind=KIND,
    )
