"""The reads of this app, as words that can be chained: `Assignment.objects.visible_to(user).overdue(now)`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import models
from django.db.models import Case, Exists, F, Min, OuterRef, Q, When

from coreengine.kernel.querysets import OwnedQuerySet
from courses.work_state import (
    WorkState,
    can_be_late,
    is_owed,
    state_of_rows,
    waits_for_grade,
)

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from courses.models import Course

# Long texts and search vectors are read only by the page that shows them: on a list they cost more than the rest.
COURSE_LONG_FIELDS = ["syllabus_html", "notes", "ai_policy_text", "search_vector"]
COURSE_TAG_FIELDS = [f"course__{name}" for name in ("name", "nickname", "hue")]
ROW_FIELDS = [
    *("name", "source", "due_at", "unlock_at", "lock_at", "points_possible", "submission_types", "missing_since"),
    *("done_at", "dismissed_at", "owner_id"),
    *COURSE_TAG_FIELDS,
    *(
        f"submission__{name}"
        for name in ("state", "submitted_at", "missing", "excused", "late", "score", "grade", "assignment_id")
    ),
]


def search_query(words: str) -> SearchQuery:
    """Read what a person typed as a search engine would: words, "phrases", or, -not."""
    return SearchQuery(words, search_type="websearch", config="english")


class MatchingQuerySet(OwnedQuerySet):
    """Rows that can be found by their words (the model has a stored `search_vector`)."""

    def matching(self, words: str) -> Self:
        """Keep what the words find, the best first."""
        query = search_query(words)
        return (
            self.filter(search_vector=query)
            .annotate(rank=SearchRank(F("search_vector"), query))
            .order_by("-rank", "-pk")
        )


class ShownOnceMixin(models.QuerySet):
    """Rows that several sources may have (the model has `same_as`; `courses.sameness` sets it)."""

    def shown_once(self) -> Self:
        """Of what several sources have, keep the one that is shown."""
        return self.filter(same_as__isnull=True)

    def with_twins(self) -> Self:
        """Annotate `has_twins`: whether another source has the same, so that a page need not ask for nothing."""
        return self.annotate(has_twins=Exists(self.model._default_manager.filter(same_as=OuterRef("pk"))))


class InCourseMixin(models.QuerySet):
    """Rows of a course."""

    def in_course(self, course: Course | int) -> Self:
        """What belongs to a course (or the course of this id), and to the same course from other sources."""
        return self.filter(Q(course=course) | Q(course__same_as=course))


class TermQuerySet(OwnedQuerySet):
    def from_source(self, source: str) -> Self:
        return self.filter(source=source)


class CourseQuerySet(MatchingQuerySet, ShownOnceMixin):
    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(deleted_at__isnull=True)

    def restorable_by(self, user: User) -> Self:
        """What the student deleted and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False)

    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def concluded(self, now: datetime) -> Self:
        """Over, by the source's word, by its dates, or because the source no longer lists it."""
        return self.filter(self.concluded_rule(now))

    def active(self, now: datetime) -> Self:
        """Going on and not hidden: what the sidebar, the dashboard and the lists show, each course once."""
        return self.going_on(now).shown_once()

    def going_on(self, now: datetime) -> Self:
        """Going on and not hidden, a course that several sources have as often as they do."""
        return self.filter(~self.concluded_rule(now), is_hidden=False)

    def same_ids(self, course: Course | int) -> Self:
        """The course, and the same course from other sources: their ids."""
        number = course if isinstance(course, int) else course.pk
        return self.filter(Q(pk=number) | Q(same_as=number)).order_by().values_list("pk", flat=True)

    def hidden(self) -> Self:
        return self.filter(is_hidden=True)

    @staticmethod
    def concluded_rule(now: datetime, prefix: str = "") -> Q:
        """The rows' form of `Course.is_concluded`; `prefix` reaches a course from another model."""
        ended = Q(**{f"{prefix}ends_at__isnull": False, f"{prefix}ends_at__lt": now})
        term_ended = Q(
            **{
                f"{prefix}ends_at__isnull": True,
                f"{prefix}term__ends_at__isnull": False,
                f"{prefix}term__ends_at__lt": now,
            }
        )
        return (
            Q(**{f"{prefix}state": "completed"}) | Q(**{f"{prefix}missing_since__isnull": False}) | ended | term_ended
        )

    def for_list(self) -> Self:
        return self.select_related("term").defer(*COURSE_LONG_FIELDS)

    def by_name(self) -> Self:
        return self.order_by("name", "pk")

    def in_own_order(self) -> Self:
        """As the student put them, here or at the source; what has no place comes last, by name."""
        return self.order_by(F("position").asc(nulls_last=True), "name", "pk")

    def by_newest_term(self) -> Self:
        """The courses of a term together, the newest term first, each term's in the student's own order."""
        newest = F("term__starts_at").desc(nulls_last=True)
        return self.order_by(newest, "term_id", F("position").asc(nulls_last=True), "name", "pk")


class AssignmentQuerySet(MatchingQuerySet, ShownOnceMixin, InCourseMixin):
    # Neither ticked off nor dismissed by the student, nor gone from its source.
    _OPEN = Q(done_at__isnull=True, dismissed_at__isnull=True, missing_since__isnull=True)

    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(deleted_at__isnull=True, course__deleted_at__isnull=True)

    def in_known_courses(self, user: User, courses: Iterable[int]) -> Self:
        """What `visible_to` has in these courses (ids), which were read for this person: they are not joined again."""
        return super().visible_to(user).filter(deleted_at__isnull=True, course__pk__any_of=courses)

    def restorable_by(self, user: User) -> Self:
        """What the student deleted and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False, course__deleted_at__isnull=True)

    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def present(self) -> Self:
        """Still listed by the source (or made by hand), and of what several sources have the one that is shown."""
        return self.filter(missing_since__isnull=True).shown_once()

    def in_sight(self) -> Self:
        """What lists show: each thing once, the vanished too unless the student put it away."""
        return self.filter(put_away_at__isnull=True).shown_once()

    def vanished(self) -> Self:
        """No longer at the source, and the student has not said what shall become of it."""
        return self.in_sight().filter(missing_since__isnull=False)

    def in_active_courses(self, now: datetime) -> Self:
        return self.filter(~CourseQuerySet.concluded_rule(now, "course__"), course__is_hidden=False)

    def with_work_state(self, now: datetime) -> Self:
        """Annotate `work_state`, the database's form of `Assignment.state_at(now)`."""
        return self.annotate(work_state=state_of_rows(now))

    def in_state(self, state: WorkState | str, now: datetime) -> Self:
        # An alias: a column would put the rule into the statement twice.
        return self.alias(work_state=state_of_rows(now)).filter(work_state=str(state))

    def overdue(self, now: datetime) -> Self:
        """The same as `in_state(OVERDUE)`, in a form that an index serves and that Django builds in half the time."""
        return self.filter(is_owed(), can_be_late(), self._OPEN, due_at__lt=now)

    def called_missing(self) -> Self:
        """What the source calls missing and the student still owes."""
        return self.filter(is_owed(), submission__missing=True, done_at__isnull=True, missing_since__isnull=True)

    def not_called_missing(self) -> Self:
        """What the source says nothing of, or does not call missing."""
        return self.filter(Q(submission__isnull=True) | Q(submission__missing=False))

    def waiting_for_grade(self) -> Self:
        """Handed in and not graded yet."""
        return self.filter(waits_for_grade(), missing_since__isnull=True).exclude(grading_type="not_graded")

    def outstanding(self, now: datetime) -> Self:
        """The same as in one of the states `OUTSTANDING`, in a form that costs the database a tenth of the rule's."""
        return self.filter(self.outstanding_rule(now))

    @classmethod
    def outstanding_rule(cls, now: datetime) -> Q:
        """What `outstanding` keeps, to be joined with other conditions."""
        return Q(is_owed(), Q(due_at__isnull=True) | Q(due_at__gte=now) | can_be_late(), cls._OPEN)

    def unsubmitted(self) -> Self:
        """Nothing has been handed in, whatever the due date."""
        return self.filter(
            Q(submission__isnull=True) | Q(submission__submitted_at__isnull=True, submission__state="unsubmitted")
        )

    def due_between(self, start: datetime, end: datetime) -> Self:
        """Due from `start` (included) to `end` (excluded)."""
        return self.filter(due_at__gte=start, due_at__lt=end)

    def for_list(self) -> Self:
        """Read what `rows.row_of` needs and nothing else: all columns cost twice as much."""
        return self.select_related("course", "submission").only(*ROW_FIELDS)

    def with_modules(self) -> Self:
        """Annotate `module_names`: the first three modules that lead to each."""
        items = apps.get_model("courses", "ModuleItem").objects.present().filter(assignment=OuterRef("pk"))
        names = items.filter(module__missing_since__isnull=True).order_by().values("module__name")
        return self.annotate(
            module_names=ArraySubquery(
                names.annotate(place=Min("module__position")).order_by("place").values("module__name")[:3]
            )
        )

    def by_due_date(self) -> Self:
        return self.order_by(F("due_at").asc(nulls_last=True), "position", "pk")


class AssignmentGroupQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        return self.filter(course__owner_id=user.pk, course__deleted_at__isnull=True)


class SubmissionQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        return self.filter(assignment__owner_id=user.pk, assignment__deleted_at__isnull=True)


class AnnouncementQuerySet(MatchingQuerySet, ShownOnceMixin, InCourseMixin):
    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(course__deleted_at__isnull=True)

    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def in_active_courses(self, now: datetime) -> Self:
        return self.filter(~CourseQuerySet.concluded_rule(now, "course__"), course__is_hidden=False)

    def for_list(self) -> Self:
        columns = ("title", "message_html", "posted_at", "author")
        return self.select_related("course").only(*columns, *COURSE_TAG_FIELDS)

    def newest_first(self) -> Self:
        return self.order_by("-posted_at", "-pk")


class CourseResourceQuerySet(InCourseMixin):
    def visible_to(self, user: User) -> Self:
        """Links between what this person may see; what lies in the vault's trash is left out."""
        return self.filter(
            course__owner_id=user.pk,
            course__deleted_at__isnull=True,
            resource__owner_id=user.pk,
            resource__trashed_at__isnull=True,
        )


class ModuleQuerySet(OwnedQuerySet, InCourseMixin):
    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(course__deleted_at__isnull=True)

    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def present(self) -> Self:
        """Still listed by the source."""
        return self.filter(missing_since__isnull=True)

    def in_order(self) -> Self:
        return self.order_by("course_id", "position", "pk")

    def shown_once(self) -> Self:
        """Leave out modules that the shown course has under the same name: they are folded into it."""
        same = self.model._default_manager.filter(
            course=OuterRef("course__same_as"), name__iexact=OuterRef("name"), missing_since__isnull=True
        )
        return self.filter(Q(course__same_as__isnull=True) | ~Exists(same))


class ModuleItemQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        return self.filter(module__owner_id=user.pk, module__course__deleted_at__isnull=True)

    def present(self) -> Self:
        """Still listed by the source."""
        return self.filter(missing_since__isnull=True)

    def in_order(self) -> Self:
        return self.order_by("module_id", "position", "pk")


class PlannerItemQuerySet(OwnedQuerySet, ShownOnceMixin, InCourseMixin):
    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(Q(course__isnull=True) | Q(course__deleted_at__isnull=True))

    def from_source(self, source: str) -> Self:
        return self.filter(source=source)

    def present(self) -> Self:
        """Still listed by the source, and of what several sources have the one that is shown."""
        return self.listed().shown_once()

    def listed(self) -> Self:
        """Still listed by its own source, shown or not."""
        return self.filter(missing_since__isnull=True)

    def unwritten(self) -> Self:
        """What the student marked here and the source has not taken yet, the oldest first."""
        wanted = Q(wanted_complete__isnull=False) | Q(wanted_dismissed__isnull=False)
        return self.filter(wanted).order_by("wanted_at", "pk")

    def beside_assignments(self) -> Self:
        """Events, pages to read and notes: what is no assignment and no announcement."""
        return self.filter(assignment__isnull=True).exclude(kind__in=["announcement", "assignment"])

    def ahead(self, now: datetime) -> Self:
        """Not over yet and neither ticked off nor dismissed, the soonest first."""
        begins = Q(starts_at__gte=now) | Q(ends_at__gte=now)
        return self.filter(begins, done_at__isnull=True, dismissed_at__isnull=True).order_by("starts_at", "pk")


class SourceImportQuerySet(OwnedQuerySet):
    def from_source(self, source: str) -> Self:
        return self.filter(source=source)


class AssignmentRepositoryQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        """Links between what this person may see."""
        return self.filter(
            assignment__owner_id=user.pk,
            assignment__deleted_at__isnull=True,
            assignment__course__deleted_at__isnull=True,
            repository__owner_id=user.pk,
        )

    def in_course(self, course: Course) -> Self:
        """Links of work of a course, and of the same course from other sources."""
        return self.filter(Q(assignment__course=course) | Q(assignment__course__same_as=course))


class CoursePersonQuerySet(OwnedQuerySet, InCourseMixin):
    def visible_to(self, user: User) -> Self:
        return super().visible_to(user).filter(course__deleted_at__isnull=True)

    def present(self) -> Self:
        """Still listed by the source, or written about by the student."""
        return self.filter(Q(missing_since__isnull=True) | ~Q(office_hours="") | ~Q(notes=""))

    def by_role(self) -> Self:
        """Teachers first, then assistants, then everybody else, each by name."""
        order = Case(
            *(When(role=role, then=place) for place, role in enumerate(["teacher", "assistant", "student"])), default=9
        )
        return self.order_by(order, "name", "pk")


class SubmissionCommentQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        return self.filter(assignment__owner_id=user.pk, assignment__deleted_at__isnull=True)

    def in_order(self) -> Self:
        """The oldest first."""
        return self.order_by(F("written_at").asc(nulls_first=True), "pk")


class ImportDraftQuerySet(OwnedQuerySet):
    def for_list(self) -> Self:
        return self.select_related("course").defer("text", "rows", "course__search_vector", "course__syllabus_html")

    def open(self, now: datetime) -> Self:
        """Neither brought in nor expired."""
        return self.filter(applied_at__isnull=True, expires_at__gt=now)

    def expired(self, now: datetime) -> Self:
        return self.filter(expires_at__lte=now)


class CourseArchiveQuerySet(OwnedQuerySet):
    def unfinished(self) -> Self:
        return self.filter(finished_at__isnull=True)

    def expired(self, now: datetime) -> Self:
        """Their time is over; their bytes go."""
        return self.filter(expires_at__lte=now, blob__isnull=False)
