"""The API's doors to grades: of all courses, of one, as they might be, and what the student keeps about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.grading import services
from courses.grading.api.serializers import (
    AllGradesSerializer,
    CourseGradesSerializer,
    GradeScenarioSerializer,
    GradingSerializer,
    GroupsSerializer,
    OwnGradeSerializer,
    OwnScaleSerializer,
    ScaleSerializer,
    WhatIfAnswerSerializer,
    WhatIfSerializer,
    details,
    summary,
)
from courses.grading.averages import average, mixes_scales, term_averages
from courses.grading.courses import CourseGrades, grades_of
from courses.grading.needed import Needed
from courses.grading.pages import needed_words
from courses.grading.questions import ALL, needed_for, target_of
from courses.grading.scale_presets import PRESETS
from courses.grading.scales import Scale
from courses.grading.scenarios import checked_changes, checked_extra
from courses.grading.summaries import summaries_of
from courses.models import Assignment, Course, CourseGrading, GradeScenario

MOST_COURSES = 200


class GradesView(ApiView):
    """The grades of every course that is not hidden, and their averages by term."""

    @extend_schema(responses=AllGradesSerializer, operation_id="grades_list")
    def get(self, request: Request) -> Response:
        own = Course.objects.visible_to(request.user).filter(is_hidden=False).shown_once().for_list().by_newest_term()
        now = timezone.now()
        courses = list(own[:MOST_COURSES])
        grades = summaries_of(courses, now)
        points, credits = average(grades)
        going_on = {course.pk for course in courses if not course.is_concluded(now)}
        return Response(
            {
                "average": points,
                "credits": credits,
                "mixes_scales": mixes_scales(grades),
                "terms": [asdict(each) for each in term_averages(grades, going_on)],
                "courses": [summary(each) for each in grades],
            }
        )


class OwnScaleView(ApiView):
    """The student's scale for every course without one of its own; PUT sets it, null takes it away."""

    @extend_schema(responses=OwnScaleSerializer)
    def get(self, request: Request) -> Response:
        row = CourseGrading.objects.visible_to(request.user).filter(course=None).first()
        return self._answer(row)

    @extend_schema(request=ScaleSerializer, responses=OwnScaleSerializer)
    def put(self, request: Request) -> Response:
        body = ScaleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._answer(services.update_own_scale(request.user, body.validated_data["scale"], by=request.user))

    def _answer(self, row: CourseGrading | None) -> Response:
        presets = [{"key": each.key, "name": each.name, "scale": _rows(each.scale)} for each in PRESETS]
        return Response({"scale": row.scale if row else None, "presets": presets})


class CourseGradesView(ApiView):
    """One course's grade; PATCH changes the student's own scale, credits, goal and late policy."""

    @extend_schema(responses=CourseGradesSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(details(_grades(request, pk)))

    @extend_schema(request=GradingSerializer, responses=CourseGradesSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        grades = _grades(request, pk)
        body = GradingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.update_grading(grades.course, by=request.user, changes=body.validated_data)
        return Response(details(_grades(request, pk)))


class GroupsView(ApiView):
    """PUT sets the groups of a course made by hand, with their weights and drop rules."""

    @extend_schema(request=GroupsSerializer, responses=CourseGradesSerializer)
    def put(self, request: Request, pk: int) -> Response:
        grades = _grades(request, pk)
        body = GroupsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.update_groups(grades.course, body.validated_data["groups"], by=request.user)
        return Response(details(_grades(request, pk)))


class OwnGradeView(ApiView):
    """PATCH sets what a piece of work of a course made by hand gave."""

    @extend_schema(request=OwnGradeSerializer, responses=CourseGradesSerializer)
    def patch(self, request: Request, pk: int, work_pk: int) -> Response:
        works = Assignment.objects.visible_to(request.user).filter(course=pk)
        assignment = get_object_or_404(works, pk=work_pk)
        body = OwnGradeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.grade_by_hand(assignment, by=request.user, changes=body.validated_data)
        return Response(details(_grades(request, pk)))


class WhatIfView(ApiView):
    """Work out one course's grade with other scores, and what work must give for a goal; nothing is kept."""

    @extend_schema(request=WhatIfSerializer, responses=WhatIfAnswerSerializer)
    def post(self, request: Request, pk: int) -> Response:
        grades = _grades(request, pk)
        body = WhatIfSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        changed = grades.with_changes(checked_changes(grades, given["changes"]), checked_extra(grades, given["extra"]))
        needed = _needed(changed, given["needed_on"], given["goal"]) if "goal" in given else None
        return Response({**details(changed), "needed": needed})


class GradeScenarioViewSet(OwnedModelViewSet):
    """Kept what-ifs. Keeping one under a name that the course has already replaces it."""

    queryset = GradeScenario.objects.all()
    serializer_class = GradeScenarioSerializer
    filterset_fields = ["course"]

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer:
        """Read the grades of all courses on this page of the list at once."""
        rows = args[0] if args else None
        if isinstance(rows, GradeScenario):
            rows = [rows]
        courses = {row.course_id: row.course for row in rows} if isinstance(rows, list) else {}
        kwargs["context"] = {
            **self.get_serializer_context(),
            "grades": {each.course.pk: each for each in grades_of(list(courses.values()))} if courses else {},
        }
        return self.get_serializer_class()(*args, **kwargs)

    def perform_create(self, serializer: BaseSerializer) -> None:
        given = serializer.validated_data
        grades = grades_of([given["course"]])[0]
        serializer.context["grades"][grades.course.pk] = grades
        serializer.instance = services.save_scenario(
            grades, given["name"], given["changes"], given["extra"], by=self.request.user
        )

    def perform_update(self, serializer: BaseSerializer) -> None:
        scenario = serializer.instance
        grades = serializer.context["grades"][scenario.course_id]
        given = serializer.validated_data
        serializer.instance = services.update_scenario(
            scenario,
            grades,
            name=given.get("name"),
            given=given.get("changes"),
            extra=given.get("extra"),
            by=self.request.user,
        )

    def perform_destroy(self, instance: GradeScenario) -> None:
        services.delete_scenario(instance, by=self.request.user)

    @extend_schema(request=None, responses=GradeScenarioSerializer)
    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: str | None = None) -> Response:
        """Make another scenario with the same changes, under a name that is free."""
        made = services.copy_scenario(self.get_object(), by=request.user)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=None, responses=GradeScenarioSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back a deletion, for thirty days."""
        rows = GradeScenario.objects.restorable_by(request.user).select_related("course")
        scenario = services.restore_scenario(get_object_or_404(rows, pk=pk), by=request.user)
        return Response(self.get_serializer(scenario).data)


def _needed(grades: CourseGrades, work: str, goal: str) -> dict[str, Any]:
    try:
        target = target_of(grades, goal)
    except ValueError as error:
        raise ValidationError({"goal": str(error)}) from None
    found: Needed | None = needed_for(grades, work, target[0]) if target else None
    if target is None or found is None:
        raise ValidationError({"needed_on": f"This course has no work {work}."})
    about = None if work == ALL else grades.work(int(work))
    return {**asdict(found), "text": needed_words(found, about, target[1])}


def _rows(scale: Scale) -> list[list[Any]]:
    return [[step.name, step.least, step.points] for step in scale]


def _grades(request: Request, pk: int) -> CourseGrades:
    course = get_object_or_404(Course.objects.visible_to(request.user).for_list(), pk=pk)
    return grades_of([course])[0]
