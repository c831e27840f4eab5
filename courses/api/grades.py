"""The API's doors to grades: of all courses, of one, as they might be, and what the student keeps about them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.api.serializers import OwnCourses
from courses.grading import services
from courses.grading.courses import NOT_COUNTED, CourseGrades, average, grades_of, needed_on
from courses.grading.rules import rounded
from courses.models import Course, GradeScenario

MOST_COURSES = 200


class GradedWorkSerializer(serializers.Serializer):
    """One piece of work in a grade."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    group = serializers.IntegerField(allow_null=True, help_text="the group's id")
    score = serializers.FloatField(allow_null=True)
    points = serializers.FloatField(help_text="points possible")
    is_dropped = serializers.BooleanField()
    is_waiting = serializers.BooleanField(help_text="handed in, without a score that counts")
    not_counted = serializers.ChoiceField(choices=["", *NOT_COUNTED], help_text="why it never counts")


class GradeGroupSerializer(serializers.Serializer):
    """One group in a grade."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    weight = serializers.FloatField(allow_null=True)
    percent = serializers.FloatField(allow_null=True)


class GradesSerializer(serializers.Serializer):
    """The grade of one course; percentages are rounded to two digits."""

    course = serializers.IntegerField()
    name = serializers.CharField()
    percent = serializers.FloatField(allow_null=True, help_text="so far: what has no score is left out")
    final_percent = serializers.FloatField(allow_null=True, help_text="if nothing more came")
    letter = serializers.CharField(allow_null=True)
    source_percent = serializers.FloatField(allow_null=True, help_text="what the source says")
    difference = serializers.FloatField(allow_null=True, help_text="how far the source lies off; null where it agrees")
    is_weighted = serializers.BooleanField()
    credits = serializers.FloatField(allow_null=True)
    counts_in_average = serializers.BooleanField()
    goal = serializers.FloatField(allow_null=True)


class CourseGradesSerializer(GradesSerializer):
    """The grade of one course with all it is made of."""

    groups = GradeGroupSerializer(many=True)
    works = GradedWorkSerializer(many=True)
    scale = serializers.ListField(child=serializers.ListField(), help_text="rows of letter, least percentage, points")


class AllGradesSerializer(serializers.Serializer):
    """Every course's grade and the average over them."""

    average = serializers.FloatField(allow_null=True, help_text="grade points, weighed by credits")
    credits = serializers.FloatField()
    courses = GradesSerializer(many=True)


class ChangesField(serializers.DictField):
    """`{"<assignment id>": {"score": 9.5} | {"left_out": true}}`."""

    child = serializers.DictField()


class WhatIfSerializer(serializers.Serializer):
    """Other scores, and what one piece of work would have to give for a percentage."""

    changes = ChangesField(required=False, default=dict)
    needed_on = serializers.IntegerField(required=False, help_text="id of an assignment of the course")
    goal = serializers.FloatField(required=False, min_value=0, max_value=1000, help_text="per cent")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("needed_on" in attrs) != ("goal" in attrs):
            raise serializers.ValidationError("Give needed_on and goal together.")
        return attrs


class NeededSerializer(serializers.Serializer):
    """The answer to "what do I need?"."""

    kind = serializers.ChoiceField(choices=["secured", "reachable", "unreachable", "no_effect"])
    score = serializers.FloatField(allow_null=True)
    best = serializers.FloatField(allow_null=True, help_text="the percentage that full marks give")


class WhatIfAnswerSerializer(CourseGradesSerializer):
    """The grade as it might be."""

    needed = NeededSerializer(allow_null=True)


class GradingSerializer(serializers.Serializer):
    """The student's own rules of a course; what is not sent stays as it is."""

    scale = serializers.ListField(
        child=serializers.ListField(min_length=2, max_length=3),
        required=False,
        allow_null=True,
        help_text="rows of letter, least percentage, points; null for the common scale",
    )
    credits = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1000)
    counts_in_average = serializers.BooleanField(required=False)
    goal = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1000)


class GradeScenarioSerializer(serializers.ModelSerializer):
    """A kept "what if" of one course."""

    course = OwnCourses(queryset=Course.objects.none())
    changes = ChangesField()
    percent = serializers.SerializerMethodField(help_text="the score with these changes")

    class Meta:
        model = GradeScenario
        fields = ["id", "course", "name", "changes", "percent", "created_at", "updated_at"]
        read_only_fields = ["created_at", "updated_at"]
        validators: list[Any] = []  # the same name again replaces the scenario

    def get_percent(self, scenario: GradeScenario) -> float | None:
        grades = grades_of([scenario.course])[0]
        return grades.with_changes(services.changes_in(scenario)).percent


class GradesView(ApiView):
    """The grades of every course that is not hidden, and their average."""

    @extend_schema(responses=AllGradesSerializer, operation_id="grades_list")
    def get(self, request: Request) -> Response:
        own = Course.objects.visible_to(request.user).filter(is_hidden=False).shown_once().for_list().by_newest_term()
        grades = grades_of(list(own[:MOST_COURSES]))
        points, credits = average(grades)
        return Response({"average": points, "credits": credits, "courses": [summary(each) for each in grades]})


class CourseGradesView(ApiView):
    """One course's grade; PATCH changes the student's own scale, credits and goal."""

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


class WhatIfView(ApiView):
    """Work out one course's grade with other scores; nothing is kept."""

    @extend_schema(request=WhatIfSerializer, responses=WhatIfAnswerSerializer)
    def post(self, request: Request, pk: int) -> Response:
        grades = _grades(request, pk)
        body = WhatIfSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = grades.with_changes(services.checked_changes(grades, body.validated_data["changes"]))
        needed = None
        if "goal" in body.validated_data:
            number = body.validated_data["needed_on"]
            if changed.work(number) is None:
                raise ValidationError({"needed_on": f"This course has no work {number}."})
            found = needed_on(changed, number, body.validated_data["goal"])
            needed = {"kind": found.kind, "score": found.score, "best": found.best}
        return Response({**details(changed), "needed": needed})


class GradeScenarioViewSet(OwnedModelViewSet):
    """Kept what-ifs. Keeping one under a name that the course has already replaces it."""

    queryset = GradeScenario.objects.select_related("course")
    serializer_class = GradeScenarioSerializer
    filterset_fields = ["course"]

    def perform_create(self, serializer: BaseSerializer) -> None:
        given = serializer.validated_data
        grades = grades_of([given["course"]])[0]
        serializer.instance = services.save_scenario(grades, given["name"], given["changes"], by=self.request.user)

    def perform_update(self, serializer: BaseSerializer) -> None:
        scenario = serializer.instance
        grades = grades_of([scenario.course])[0]
        given = serializer.validated_data
        serializer.instance = services.update_scenario(
            scenario, grades, name=given.get("name"), given=given.get("changes"), by=self.request.user
        )

    def perform_destroy(self, instance: GradeScenario) -> None:
        services.delete_scenario(instance, by=self.request.user)


def summary(grades: CourseGrades) -> dict[str, Any]:
    """A course's grade in a line."""
    final = grades.final.percent
    return {
        "course": grades.course.pk,
        "name": grades.course.title,
        "percent": grades.percent,
        "final_percent": None if final is None else rounded(final),
        "letter": grades.letter.name if grades.letter else None,
        "source_percent": grades.course.current_score,
        "difference": grades.difference,
        "is_weighted": grades.is_weighted,
        "credits": grades.credits,
        "counts_in_average": grades.counts_in_average,
        "goal": grades.goal,
    }


def details(grades: CourseGrades) -> dict[str, Any]:
    """A course's grade with its groups and work."""
    parts, dropped = grades.current.groups, grades.current.dropped
    return {
        **summary(grades),
        "groups": [
            {
                "id": group.pk,
                "name": group.name,
                "weight": group.weight,
                "percent": None if (percent := parts[group.pk].percent) is None else rounded(percent),
            }
            for group in grades.groups
        ],
        "works": [
            {
                "id": work.id,
                "name": work.name,
                "group": work.group or None,
                "score": work.score,
                "points": work.points,
                "is_dropped": work.id in dropped,
                "is_waiting": work.is_waiting,
                "not_counted": work.not_counted,
            }
            for work in grades.works
        ],
        "scale": [[step.name, step.least, step.points] for step in grades.scale],
    }


def _grades(request: Request, pk: int) -> CourseGrades:
    course = get_object_or_404(Course.objects.visible_to(request.user).for_list(), pk=pk)
    return grades_of([course])[0]
