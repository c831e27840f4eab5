"""What a course allows of AI, as the student noted it, and the rule that agents ask before they work for it."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError

from coreengine.accounts.models import User
from courses.errors import AiNotAllowed
from courses.models import AiPolicy, Course

ICONS = {
    AiPolicy.UNSTATED: "circle-help",
    AiPolicy.FORBIDDEN: "ban",
    AiPolicy.CITED: "quote",
    AiPolicy.ALLOWED: "circle-check",
}
TINTS = {
    AiPolicy.UNSTATED: "",
    AiPolicy.FORBIDDEN: "failed",
    AiPolicy.CITED: "soon",
    AiPolicy.ALLOWED: "completed",
}


@dataclass(frozen=True)
class PolicyNote:
    """A course's policy, ready to print."""

    key: str
    label: str
    icon: str
    status: str
    text: str
    where: str

    @property
    def is_stated(self) -> bool:
        return self.key != AiPolicy.UNSTATED


def policy_note(course: Course) -> PolicyNote:
    """Say a course's policy in words."""
    policy = AiPolicy(course.ai_policy or AiPolicy.UNSTATED)
    return PolicyNote(
        key=policy.value,
        label=str(policy.label),
        icon=ICONS[policy],
        status=TINTS[policy],
        text=course.ai_policy_text,
        where=course.ai_policy_where,
    )


def policy_in_brackets(key: str) -> str:
    """ " (AI: not allowed)", to stand after a course's name; "" for a policy that is not stated."""
    policy = AiPolicy(key or AiPolicy.UNSTATED)
    label = str(policy.label)
    return "" if policy == AiPolicy.UNSTATED else f" (AI: {label[:1].lower()}{label[1:]})"


def check_ai_allowed(course: Course, *, is_confirmed: bool = False) -> None:
    """Refuse work of an agent for a course that does not allow it, unless the student confirmed it.

    Raises:
        AiNotAllowed: the message names the course and what to do.
    """
    if course.ai_policy != AiPolicy.FORBIDDEN or is_confirmed:
        return
    where = f" (stated in: {course.ai_policy_where})" if course.ai_policy_where else ""
    raise AiNotAllowed(
        f"AI is not allowed in {course.title}, by the policy that you noted for it{where}. "
        "Confirm that this use is within the rules, or leave the course out."
    )


def course_of_run(owner: User, course_id: int | None) -> Course | None:
    """Find the course that an agent is to work for; None where none is named.

    Raises:
        ValidationError: at `course`: the student has no such course.
    """
    if course_id is None:
        return None
    course = Course.objects.visible_to(owner).for_list().filter(pk=course_id).first()
    if course is None:
        raise ValidationError({"course": "There is no such course among yours."})
    return course
