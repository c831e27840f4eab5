"""The API's doors to the planner and to own tasks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.api.serializers import OwnCourses
from courses.filters import own_courses
from courses.models import Assignment, Course, OwnTask
from courses.pages import clock_of
from courses.planning import decisions, services
from courses.planning.counting import count_anew
from courses.planning.pages import VIEWS, Group, choice_of, planner_page
from courses.planning.quick import understand
from courses.planning.recurrence import read_rule
from courses.planning.rows import PlanRow, row_of_thing
from courses.planning.subtasks import order_subtasks
from courses.rules import LONGEST_NOTES

# What the services call a field that the API has another word for.
FIELDS_OF = {
    "due": "due_on",
    "rule": "recurrence",
    **{f"repeat_{name}": "recurrence" for name in ("interval", "until", "times")},
}


class OwnAssignments(serializers.PrimaryKeyRelatedField):
    """An assignment by its id; another student's is as unknown as one that never was."""

    def get_queryset(self) -> Any:
        return Assignment.objects.editable_by(self.context["request"].user).select_related("course")


class OwnParents(serializers.PrimaryKeyRelatedField):
    """A task by its id, to be the whole of a subtask."""

    def get_queryset(self) -> Any:
        return OwnTask.objects.editable_by(self.context["request"].user)


class OwnTaskSerializer(serializers.ModelSerializer):
    """A task that the student made. It is due on a day (`due_on`) or at a time (`due_at`).

    `recurrence` is an RFC 5545 rule by day, week or month; null ends the repetition. A change of a task that repeats
    holds for this occurrence, with `following` also for those after it. Done or skipped, it makes the next one.
    """

    course = OwnCourses(queryset=Course.objects.none(), required=False, allow_null=True)
    assignment = OwnAssignments(queryset=Assignment.objects.none(), required=False, allow_null=True)
    parent = OwnParents(queryset=OwnTask.objects.none(), required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_NOTES)
    recurrence = serializers.CharField(
        required=False, allow_null=True, max_length=255, help_text="FREQ=WEEKLY;BYDAY=MO"
    )
    following = serializers.BooleanField(write_only=True, required=False, default=False)
    column = serializers.SerializerMethodField()
    subtask_count = serializers.SerializerMethodField()
    subtask_done_count = serializers.SerializerMethodField()
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = OwnTask
        fields = [
            *("id", "title", "notes", "course", "assignment", "parent", "due_on", "due_at", "estimate_minutes"),
            *("recurrence", "following", "occurrence_on", "series", "column", "is_overdue"),
            *("subtask_count", "subtask_done_count", "started_at", "done_at", "dismissed_at"),
            *("created_at", "updated_at"),
        ]
        read_only_fields = [
            *("occurrence_on", "series", "started_at", "done_at", "dismissed_at", "created_at", "updated_at"),
        ]

    @extend_schema_field(serializers.ChoiceField(choices=decisions.COLUMNS))
    def get_column(self, task: OwnTask) -> str:
        return "done" if task.done_at else "doing" if task.started_at else "todo"

    def get_subtask_count(self, task: OwnTask) -> int:
        return getattr(task, "subtask_count", 0)

    def get_subtask_done_count(self, task: OwnTask) -> int:
        return getattr(task, "subtask_done_count", 0)

    def get_is_overdue(self, task: OwnTask) -> bool:
        clock = clock_of(self.context["request"].user)
        return task.is_overdue(clock.now, clock.zone)

    def validate_recurrence(self, value: str | None) -> Any:
        if not value:
            return None
        try:
            return read_rule(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, task: OwnTask) -> dict[str, Any]:
        pattern = services.repeats_as(task)
        rule = pattern.rule(task.occurrence_on) if pattern and task.occurrence_on else None
        return {**super().to_representation(task), "recurrence": rule}


class OwnTaskFilter(filters.FilterSet):
    course = filters.ModelChoiceFilter(queryset=own_courses)
    parent = filters.NumberFilter(field_name="parent_id", help_text="the subtasks of a task")
    is_subtask = filters.BooleanFilter(field_name="parent", lookup_expr="isnull", exclude=True)
    is_done = filters.BooleanFilter(field_name="done_at", lookup_expr="isnull", exclude=True)
    is_dismissed = filters.BooleanFilter(field_name="dismissed_at", lookup_expr="isnull", exclude=True)
    due_after = filters.IsoDateTimeFilter(method="filter_after", help_text="due from here on")
    due_before = filters.IsoDateTimeFilter(method="filter_before", help_text="due before this")
    q = filters.CharFilter(method="filter_words", help_text="words to look for")

    class Meta:
        model = OwnTask
        fields = [
            "course",
            "assignment",
            "parent",
            "is_subtask",
            "is_done",
            "is_dismissed",
            "due_after",
            "due_before",
            "q",
        ]

    def _zone(self) -> Any:
        return self.request.user.zone

    def filter_after(self, queryset: Any, name: str, value: datetime) -> Any:
        return queryset.due_between(value, datetime.max.replace(tzinfo=value.tzinfo, year=2300), self._zone())

    def filter_before(self, queryset: Any, name: str, value: datetime) -> Any:
        return queryset.due_between(datetime.min.replace(tzinfo=value.tzinfo, year=1900), value, self._zone())

    def filter_words(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(pk__in=queryset.model.objects.matching(value).order_by().values("pk"))


class LineSerializer(serializers.Serializer):
    """One line, such as "Essay draft tomorrow 18:00 90m #os"."""

    line = serializers.CharField(max_length=500)


class UnderstoodSerializer(serializers.Serializer):
    """What a line says, in the fields of a task; `notes` say what was not understood."""

    title = serializers.CharField()
    due_on = serializers.DateField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    estimate_minutes = serializers.IntegerField(source="minutes", allow_null=True)
    course = serializers.IntegerField(source="course.pk", allow_null=True, default=None)
    recurrence = serializers.SerializerMethodField()
    understood = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())

    def get_recurrence(self, found: Any) -> str | None:
        day: date | None = found.due_at.date() if found.due_at else found.due_on
        return found.repeat.rule(day) if found.repeat and day else None


class MoveSerializer(serializers.Serializer):
    """Where something goes: a day (null: none), a column, before another (its key; empty: last in its list)."""

    day = serializers.DateField(required=False, allow_null=True)
    column = serializers.ChoiceField(choices=decisions.COLUMNS, required=False)
    before = serializers.CharField(required=False, allow_blank=True, max_length=40)
    view = serializers.ChoiceField(
        choices=list(VIEWS), required=False, default="board", help_text="whose list `before` speaks of"
    )


class SubtaskOrderSerializer(serializers.Serializer):
    """Subtasks by their ids, the first first; those left out follow as they are."""

    subtasks = serializers.ListField(child=serializers.IntegerField(), max_length=500)


class OwnTaskViewSet(OwnedModelViewSet):
    """The student's own tasks, with their subtasks and repetitions. Deleted ones can be restored for thirty days."""

    queryset = OwnTask.objects.select_related("owner", "course", "assignment__course", "series").defer(
        *(f"{name}__search_vector" for name in ("course", "assignment", "assignment__course")),
        *("course__syllabus_html", "assignment__description_html", "search_vector"),
    )
    serializer_class = OwnTaskSerializer
    filterset_class = OwnTaskFilter

    def get_queryset(self) -> Any:
        return super().get_queryset().with_subtask_counts()

    def perform_create(self, serializer: Any) -> None:
        user, values = self.request.user, self._values(serializer)
        values.pop("following", None)
        with _as_fields():
            serializer.instance = services.create_task(user, by=user, **values)
        count_anew(user)

    def perform_update(self, serializer: Any) -> None:
        values = self._values(serializer)
        following = values.pop("following", False)
        with _as_fields():
            task = services.update_task(serializer.instance, by=self.request.user, changes=values, following=following)
        serializer.instance = self.get_queryset().get(pk=task.pk)
        count_anew(self.request.user)

    def perform_destroy(self, instance: OwnTask) -> None:
        services.delete_task(instance, by=self.request.user)
        count_anew(self.request.user)

    @staticmethod
    def _values(serializer: Any) -> dict[str, Any]:
        values = dict(serializer.validated_data)
        if "recurrence" in values:
            values["repeat"] = values.pop("recurrence")
        return values

    def _answer(self, task: OwnTask) -> Response:
        count_anew(self.request.user)
        return Response(self.get_serializer(self.get_queryset().get(pk=task.pk)).data)

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, pk: str | None = None) -> Response:
        """Tick the task off; one that repeats makes its next occurrence."""
        return self._answer(services.complete_task(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def undone(self, request: Request, pk: str | None = None) -> Response:
        """Take the tick back; the next occurrence that it made goes."""
        return self._answer(services.reopen_task(self.get_object(), by=request.user))

    @extend_schema(request=SubtaskOrderSerializer, responses=SubtaskOrderSerializer)
    @action(detail=True, methods=["put"], url_path="subtasks/order", http_method_names=["put", "options"])
    def order(self, request: Request, pk: str | None = None) -> Response:
        """Put the task's subtasks in this order; the answer has the order before."""
        body = SubtaskOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        before = order_subtasks(self.get_object(), body.validated_data["subtasks"], by=request.user)
        return Response({"subtasks": before})

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str | None = None) -> Response:
        """Put the task out of sight undone; of one that repeats this skips an occurrence."""
        return self._answer(services.dismiss_task(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def return_(self, request: Request, pk: str | None = None) -> Response:
        """Bring a dismissed task back."""
        return self._answer(services.return_task(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str | None = None) -> Response:
        """Pass over this occurrence of a task that repeats."""
        return self._answer(services.skip_task(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back a deletion."""
        task = get_object_or_404(OwnTask.objects.restorable_by(request.user), pk=pk)
        return self._answer(services.restore_task(task, by=request.user))

    @extend_schema(request=MoveSerializer, responses=OwnTaskSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str | None = None) -> Response:
        """Move the task to another day, into another column, or before another."""
        task = self.get_object()
        with transaction.atomic():
            move(request, task)
        return self._answer(task)

    @extend_schema(request=LineSerializer, responses=UnderstoodSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def understand(self, request: Request) -> Response:
        """Say what one line means, and keep nothing."""
        return Response(_understood_data(request, self._line(request)))

    @extend_schema(request=LineSerializer, responses={201: OwnTaskSerializer})
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def quick(self, request: Request) -> Response:
        """Keep the task that one line says."""
        found = self._line(request)

        def answer() -> Response:
            task = services.create_task(request.user, by=request.user, **found.values)  # type: ignore[arg-type]
            response = self._answer(task)
            response.status_code = 201
            return response

        return self.idempotently(request, answer, in_one_transaction=True)

    def _line(self, request: Request) -> Any:
        body = LineSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        clock = clock_of(request.user)  # type: ignore[arg-type]
        courses = Course.objects.visible_to(request.user).active(clock.now).defer("search_vector")  # type: ignore[arg-type]
        return understand(body.validated_data["line"], clock, courses)


def _understood_data(request: Request, found: Any) -> dict[str, Any]:
    found.understood = [text for _, text in found.chips]
    return UnderstoodSerializer(found).data


def move(request: Request, thing: Any) -> None:
    """Do what a `MoveSerializer` says, in the order: day, column, place."""
    body = MoveSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    values, user = body.validated_data, request.user
    if "day" in values:
        thing = decisions.move_to_day(thing, values["day"], by=user)  # type: ignore[arg-type]
    if "column" in values:
        thing = decisions.move_to_column(thing, values["column"], by=user)  # type: ignore[arg-type]
    if "before" in values:
        _, choice, *_ = choice_of(request.query_params)  # type: ignore[arg-type]
        page = planner_page(user, clock_of(user), values["view"], choice, None)  # type: ignore[arg-type]
        key = decisions.key_of(thing)
        lists = [[row.key for row in group.rows] for group in [*page.groups, *page.loose]]
        keys = next((keys for keys in lists if key in keys), [key])
        decisions.put_before(keys, thing, values["before"], by=user)  # type: ignore[arg-type]


class PlanRowSerializer(serializers.Serializer):
    """A line of the planner: an own task, an assignment, or an item of a source's planner."""

    key = serializers.CharField(help_text="task:3, assignment:12 or item:7")
    kind = serializers.ChoiceField(choices=list(decisions.KINDS))
    id = serializers.SerializerMethodField()
    title = serializers.CharField()
    url = serializers.CharField()
    course = serializers.IntegerField(source="course_id", allow_null=True)
    course_title = serializers.CharField(source="course")
    day = serializers.DateField(allow_null=True, help_text="where it stands in the student's plan")
    due_day = serializers.DateField(allow_null=True)
    due = serializers.CharField(source="when.iso", allow_null=True, default=None)
    column = serializers.ChoiceField(choices=decisions.COLUMNS)
    is_late = serializers.BooleanField(source="late")
    is_done = serializers.BooleanField(source="done")
    is_dismissed = serializers.BooleanField(source="dismissed")
    estimate_minutes = serializers.IntegerField(source="minutes", allow_null=True)
    facts = serializers.ListField(child=serializers.CharField())

    def get_id(self, row: PlanRow) -> int:
        return int(row.key.partition(":")[2])


class PlanGroupSerializer(serializers.Serializer):
    """A span of days, a column of the board, or a day of the week."""

    key = serializers.CharField()
    title = serializers.CharField()
    minutes = serializers.IntegerField(help_text="what is estimated of it, together")
    items = serializers.SerializerMethodField()

    @extend_schema_field(PlanRowSerializer(many=True))
    def get_items(self, group: Group) -> list[dict[str, Any]]:
        return PlanRowSerializer(group.rows, many=True).data


class PlannerSerializer(serializers.Serializer):
    """The planner as its page shows it."""

    view = serializers.ChoiceField(choices=list(VIEWS))
    sentence = serializers.CharField()
    groups = PlanGroupSerializer(many=True)
    loose = PlanGroupSerializer(many=True, help_text="of a week: what is late or has no date")


class ItemChangeSerializer(MoveSerializer):
    """What a student decides of something in the planner; what is not named stays."""

    is_done = serializers.BooleanField(required=False)
    is_dismissed = serializers.BooleanField(required=False)
    estimate_minutes = serializers.IntegerField(required=False, allow_null=True)


class PlannerView(ApiView):
    """The planner: what is to do, in the groups of a view."""

    @extend_schema(
        operation_id="planner_list",
        responses=PlannerSerializer,
        parameters=[
            OpenApiParameter("view", str, enum=list(VIEWS), description="list (default), board or week"),
            OpenApiParameter("course", int, description="of one course"),
            OpenApiParameter("kind", str, enum=list(decisions.KINDS)),
            OpenApiParameter("show", str, enum=["done", "dismissed"], description="also done, or only dismissed ones"),
            OpenApiParameter("week", date, description="a day of the week to show"),
        ],
    )
    def get(self, request: Request) -> Response:
        """List what is to do."""
        page = planner_page(request.user, clock_of(request.user), *choice_of(request.query_params))  # type: ignore[arg-type]
        return Response(PlannerSerializer(page).data)


class PlannerItemView(ApiView):
    """One thing in the planner, by its key."""

    @extend_schema(operation_id="planner_item", responses=PlanRowSerializer)
    def get(self, request: Request, key: str) -> Response:
        """Read one line of the planner."""
        return self._answer(request, key)

    @extend_schema(operation_id="planner_item_change", request=ItemChangeSerializer, responses=PlanRowSerializer)
    @transaction.atomic
    def patch(self, request: Request, key: str) -> Response:
        """Tick something off, dismiss it, estimate it, or move it: what a student may decide of anything here."""
        user: Any = request.user
        thing = decisions.thing_of(user, key)
        body = ItemChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        if "estimate_minutes" in values:
            thing = decisions.estimate(thing, values["estimate_minutes"], by=user)
        if "is_done" in values:
            thing = decisions.set_done(thing, done=values["is_done"], by=user)
        if "is_dismissed" in values:
            thing = decisions.set_dismissed(thing, dismissed=values["is_dismissed"], by=user)
        move(request, thing)
        count_anew(user)
        return self._answer(request, key)

    def _answer(self, request: Request, key: str) -> Response:
        thing = decisions.thing_of(request.user, key)  # type: ignore[arg-type]
        return Response(PlanRowSerializer(row_of_thing(thing, clock_of(request.user))).data)  # type: ignore[arg-type]


class _as_fields:
    """Name the fields of a refusal as the API does."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            found: dict[str, list[str]] = {}
            for name, messages in error.message_dict.items():
                found.setdefault(FIELDS_OF.get(name, name), []).extend(messages)
            raise ValidationError(found) from error
