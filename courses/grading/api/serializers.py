"""What the API says of grades, and what it takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from courses.api.serializers import OwnCourses
from courses.grading.courses import NOT_COUNTED, SCALES, CourseGrades
from courses.grading.differences import comparison_of
from courses.grading.history import history_of
from courses.grading.late import MOST_GRACE_HOURS
from courses.grading.pages import weight_note
from courses.grading.rules import rounded
from courses.grading.scenarios import played
from courses.grading.summaries import GradeSummary, twins_of
from courses.models import Course, GradeScenario


class GradedWorkSerializer(serializers.Serializer):
    """One piece of work in a grade."""

    id = serializers.IntegerField(help_text="below 0 for work that may come")
    name = serializers.CharField()
    group = serializers.IntegerField(allow_null=True, help_text="the group's id")
    score = serializers.FloatField(allow_null=True)
    points = serializers.FloatField(help_text="points possible")
    points_deducted = serializers.FloatField(help_text="for being late; `score` is what is left")
    is_dropped = serializers.BooleanField()
    is_waiting = serializers.BooleanField(help_text="handed in, without a score that counts")
    is_missing = serializers.BooleanField(help_text="never came: the late policy gave the score")
    not_counted = serializers.ChoiceField(choices=["", *NOT_COUNTED], help_text="why it never counts")


class GradeGroupSerializer(serializers.Serializer):
    """One group in a grade."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    weight = serializers.FloatField(allow_null=True)
    drop_lowest = serializers.IntegerField()
    drop_highest = serializers.IntegerField()
    never_drop = serializers.ListField(child=serializers.CharField(), help_text="ids of work, as its source has them")
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
    average_points = serializers.FloatField(allow_null=True, help_text="what it gives to the grade point average")


class GradeComparisonSerializer(serializers.Serializer):
    """The source's score beside the one worked out here."""

    kind = serializers.ChoiceField(choices=["same", "differs", "hidden", "none"])
    reason = serializers.CharField(allow_blank=True, help_text="of a difference, the likely reason")
    is_certain = serializers.BooleanField(help_text="the reason gives the source's very number")


class HistoryPointSerializer(serializers.Serializer):
    """The score after the grades of one moment."""

    at = serializers.DateTimeField()
    percent = serializers.FloatField()
    works = serializers.ListField(child=serializers.IntegerField(), help_text="ids of the work graded then")


class LatePolicySerializer(serializers.Serializer):
    """What late and missing work costs in a course made by hand."""

    percent_per_day = serializers.FloatField(required=False, min_value=0, max_value=100)
    least_percent = serializers.FloatField(required=False, min_value=0, max_value=100)
    grace_hours = serializers.FloatField(required=False, min_value=0, max_value=MOST_GRACE_HOURS)
    missing_percent = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=100)


class CourseGradesSerializer(GradesSerializer):
    """The grade of one course with all it is made of."""

    groups = GradeGroupSerializer(many=True)
    works = GradedWorkSerializer(many=True)
    scale = serializers.ListField(child=serializers.ListField(), help_text="rows of letter, least percentage, points")
    scale_from = serializers.ChoiceField(choices=list(SCALES))
    weight_note = serializers.CharField(allow_blank=True, help_text="what weights that do not give 100 mean")
    comparison = GradeComparisonSerializer()
    history = HistoryPointSerializer(many=True)
    others = GradesSerializer(many=True, help_text="the same course from other sources, each as its source reckons it")
    late_policy = LatePolicySerializer(allow_null=True)


class TermAverageSerializer(serializers.Serializer):
    """A term's grade point average, and that of all up to it."""

    term = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    points = serializers.FloatField(allow_null=True)
    credits = serializers.FloatField()
    cumulative = serializers.FloatField(allow_null=True)
    cumulative_credits = serializers.FloatField()
    is_going_on = serializers.BooleanField(help_text="it holds if the scores stay as they are")


class AllGradesSerializer(serializers.Serializer):
    """Every course's grade and the averages over them."""

    average = serializers.FloatField(allow_null=True, help_text="grade points, weighed by credits")
    credits = serializers.FloatField()
    mixes_scales = serializers.BooleanField(help_text="lower is better in some courses only: the average says nothing")
    terms = TermAverageSerializer(many=True)
    courses = GradesSerializer(many=True)


class ChangesField(serializers.DictField):
    """`{"<assignment id>": {"left_out": true} | {"score": 9.5, "counts": "replace" | "better" | "mean"}}`."""

    child = serializers.DictField()


class ExtraField(serializers.ListField):
    """Work that may come: `[{"name", "group" (id or null), "score", "points"}]`."""

    child = serializers.DictField()


class WhatIfSerializer(serializers.Serializer):
    """Other scores, and what work would have to give for a goal."""

    changes = ChangesField(required=False, default=dict)
    extra = ExtraField(required=False, default=list)
    needed_on = serializers.CharField(
        required=False, max_length=20, help_text='id of an assignment of the course, or "all" for everything left'
    )
    goal = serializers.CharField(required=False, max_length=32, help_text="a percentage, or a letter of the scale")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("needed_on" in attrs) != ("goal" in attrs):
            raise serializers.ValidationError("Give needed_on and goal together.")
        return attrs


class NeededSerializer(serializers.Serializer):
    """The answer to "what do I need?"."""

    kind = serializers.ChoiceField(choices=["secured", "reachable", "unreachable", "no_effect"])
    score = serializers.FloatField(allow_null=True, help_text="points; per cent of each piece for everything left")
    best = serializers.FloatField(allow_null=True, help_text="the percentage that full marks give")
    goal = serializers.FloatField(help_text="the percentage asked for")
    count = serializers.IntegerField(help_text="over how many pieces of work")
    text = serializers.CharField()


class WhatIfAnswerSerializer(CourseGradesSerializer):
    """The grade as it might be."""

    needed = NeededSerializer(allow_null=True)


class ScaleSerializer(serializers.Serializer):
    """A grading scale."""

    scale = serializers.ListField(
        child=serializers.ListField(min_length=2, max_length=3),
        allow_null=True,
        help_text="rows of letter, least percentage, points; null for none of one's own",
    )


class PresetSerializer(serializers.Serializer):
    """A scale that is in use somewhere."""

    key = serializers.CharField()
    name = serializers.CharField()
    scale = serializers.ListField(child=serializers.ListField())


class OwnScaleSerializer(ScaleSerializer):
    """The student's scale for all courses without one of their own, and scales to start from."""

    presets = PresetSerializer(many=True, read_only=True)


class GradingSerializer(ScaleSerializer):
    """The student's own rules of a course; what is not sent stays as it is."""

    credits = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1000)
    counts_in_average = serializers.BooleanField(required=False)
    goal = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1000)
    late_policy = LatePolicySerializer(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["scale"].required = False
        return fields


class GroupsSerializer(serializers.Serializer):
    """The groups of a course made by hand; one that is not named goes."""

    groups = serializers.ListField(
        child=serializers.DictField(),
        max_length=40,
        help_text="rows of id (of a known one), name, weight, drop_lowest, drop_highest, never_drop (ids of work)",
    )


class OwnGradeSerializer(serializers.Serializer):
    """What work of a course made by hand gave; what is not sent stays as it is."""

    score = serializers.FloatField(required=False, allow_null=True)
    submitted_at = serializers.DateTimeField(required=False, allow_null=True)
    excused = serializers.BooleanField(required=False)
    omit_from_final_grade = serializers.BooleanField(required=False)
    group = serializers.IntegerField(required=False, allow_null=True)


class GradeScenarioSerializer(serializers.ModelSerializer):
    """A kept "what if" of one course."""

    course = OwnCourses(queryset=Course.objects.none())
    changes = ChangesField(default=dict)
    extra = ExtraField(default=list)
    percent = serializers.SerializerMethodField(help_text="the score with these changes")
    final_percent = serializers.SerializerMethodField(help_text="the same if nothing more came")
    letter = serializers.SerializerMethodField()

    class Meta:
        model = GradeScenario
        fields = [
            *("id", "course", "name", "changes", "extra", "percent", "final_percent", "letter"),
            *("created_at", "updated_at"),
        ]
        read_only_fields = ["created_at", "updated_at"]
        validators: list[Any] = []  # the same name again replaces the scenario

    def _played(self, scenario: GradeScenario) -> CourseGrades:
        """The grades with the scenario; the view has read the courses of a whole list at once."""
        known: dict[int, CourseGrades] = self.context["grades"]
        return played(known[scenario.course_id], scenario)

    def get_percent(self, scenario: GradeScenario) -> float | None:
        return self._played(scenario).percent

    def get_final_percent(self, scenario: GradeScenario) -> float | None:
        return self._played(scenario).final_percent

    def get_letter(self, scenario: GradeScenario) -> str | None:
        found = self._played(scenario).letter
        return found.name if found else None


def summary(grades: CourseGrades | GradeSummary) -> dict[str, Any]:
    """A course's grade in a line."""
    return {
        "course": grades.course.pk,
        "name": grades.course.title,
        "percent": grades.percent,
        "final_percent": grades.final_percent,
        "letter": grades.letter.name if grades.letter else None,
        "source_percent": grades.course.current_score,
        "difference": grades.difference,
        "is_weighted": grades.is_weighted,
        "credits": grades.credits,
        "counts_in_average": grades.counts_in_average,
        "goal": grades.goal,
        "average_points": grades.average_points,
    }


def details(grades: CourseGrades) -> dict[str, Any]:
    """A course's grade with its groups and work, and what other sources say of the same course."""
    parts, dropped = grades.current.groups, grades.current.dropped
    compared = comparison_of(grades)
    policy = grades.late_policy
    return {
        **summary(grades),
        "groups": [
            {
                **{name: getattr(group, name) for name in ("name", "weight", "drop_lowest", "drop_highest")},
                "id": group.pk,
                "never_drop": group.never_drop,
                "percent": None if (percent := parts[group.pk].percent) is None else rounded(percent),
            }
            for group in grades.groups
        ],
        "works": [
            {
                **{name: getattr(work, name) for name in ("id", "name", "score", "points", "points_deducted")},
                "group": work.group or None,
                "is_dropped": work.id in dropped,
                "is_waiting": work.is_waiting,
                "is_missing": work.is_missing,
                "not_counted": work.not_counted,
            }
            for work in grades.works
        ],
        "scale": [[step.name, step.least, step.points] for step in grades.scale],
        "scale_from": grades.scale_from,
        "weight_note": weight_note(grades),
        "comparison": {"kind": compared.kind, "reason": compared.reason, "is_certain": compared.is_certain},
        "history": [
            {"at": point.at, "percent": point.percent, "works": [work.id for work in point.works]}
            for point in history_of(grades)
        ],
        "others": [summary(each) for each in twins_of(grades.course)],
        "late_policy": policy and {name: getattr(policy, name) for name in LatePolicySerializer().fields},
    }
