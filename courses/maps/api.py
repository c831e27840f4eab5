"""The API's doors to the maps."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import ApiView, CreateOnce, OwnedReadViewSet
from courses.api.serializers import OwnCourses
from courses.maps import services
from courses.maps.across import course_map
from courses.maps.modules import module_map
from courses.models import Course, CoursePrerequisite
from courses.pages import clock_of


class CoursePrerequisiteSerializer(serializers.ModelSerializer):
    """`course` needs `required`."""

    course = OwnCourses(queryset=Course.objects.none())
    required = OwnCourses(queryset=Course.objects.none())

    class Meta:
        model = CoursePrerequisite
        fields = ["id", "course", "required", "created_at"]
        read_only_fields = ["created_at"]
        validators: list[Any] = []  # the same arrow again is harmless


class CoursePrerequisiteViewSet(CreateOnce, mixins.DestroyModelMixin, OwnedReadViewSet):
    """Which course needs which, as the student drew it. Circles are refused."""

    queryset = CoursePrerequisite.objects.select_related("course", "required", "owner")
    serializer_class = CoursePrerequisiteSerializer
    filterset_fields = ["course", "required"]

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.add_prerequisite(**serializer.validated_data, by=self.request.user)

    def perform_destroy(self, instance: CoursePrerequisite) -> None:
        services.remove_prerequisite(instance, by=self.request.user)


class CourseStepSerializer(serializers.Serializer):
    """A course on the map."""

    course = serializers.IntegerField()
    name = serializers.CharField()
    term = serializers.CharField()
    state = serializers.ChoiceField(choices=["passed", "going_on", "open", "locked"])
    needs = serializers.ListField(child=serializers.IntegerField())
    missing = serializers.ListField(child=serializers.IntegerField(), help_text="of these, not passed yet")
    is_critical = serializers.BooleanField(help_text="on the longest way to the goal")
    warning = serializers.CharField()


class CourseMapSerializer(serializers.Serializer):
    """What comes before what, in an order in which it can be taken."""

    goal = serializers.IntegerField(allow_null=True)
    critical_path = serializers.ListField(child=serializers.IntegerField())
    terms = serializers.IntegerField(help_text="the fewest that the goal is away")
    explanation = serializers.CharField()
    courses = CourseStepSerializer(many=True)


class ModuleStepSerializer(serializers.Serializer):
    """A module on the map of its course."""

    module = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["locked", "unlocked", "started", "completed"])
    needs = serializers.ListField(child=serializers.CharField(), help_text="ids at the source")
    waits_for = serializers.ListField(child=serializers.CharField())
    done = serializers.IntegerField()
    needed = serializers.IntegerField(help_text="required items")


class ModuleMapSerializer(serializers.Serializer):
    """The modules of a course with how they stand."""

    course = serializers.IntegerField()
    completed = serializers.IntegerField()
    unlocked = serializers.IntegerField()
    modules = ModuleStepSerializer(many=True)


class CourseMapView(ApiView):
    """The map across courses with the critical path to a goal."""

    @extend_schema(
        responses=CourseMapSerializer,
        parameters=[OpenApiParameter("goal", int, description="a course; without it the one furthest away")],
    )
    def get(self, request: Request) -> Response:
        goal = request.query_params.get("goal", "")
        found = course_map(request.user, clock_of(request.user), int(goal) if goal.isdecimal() else None)
        return Response(
            {
                "goal": found.goal.pk if found.goal else None,
                "critical_path": [course.pk for course in found.path],
                "terms": len(found.path),
                "explanation": found.sentence,
                "courses": [
                    {
                        "course": step.course.pk,
                        "name": step.course.title,
                        "term": step.term,
                        "state": step.state,
                        "needs": [course.pk for _, course in step.needs],
                        "missing": [course.pk for course in step.missing],
                        "is_critical": step.is_critical,
                        "warning": step.warning,
                    }
                    for step in found.steps
                ],
            }
        )


class ModuleMapView(ApiView):
    """The map of one course's modules."""

    @extend_schema(responses=ModuleMapSerializer)
    def get(self, request: Request, pk: int) -> Response:
        course = get_object_or_404(Course.objects.visible_to(request.user).for_list(), pk=pk)
        found = module_map(course, clock_of(request.user))
        return Response(
            {
                "course": course.pk,
                "completed": found.counts["completed"],
                "unlocked": found.counts["unlocked"],
                "modules": [
                    {
                        "module": step.module.pk,
                        "name": step.module.name,
                        "state": str(step.state),
                        "needs": step.module.prerequisite_ids,
                        "waits_for": step.waits_for,
                        "done": step.section.done,
                        "needed": step.section.needed,
                    }
                    for step in found.steps
                ],
            }
        )
