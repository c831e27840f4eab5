"""The API's door to the people of courses."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import OwnedModelViewSet
from courses.api.serializers import OwnCourses
from courses.models import Course, CoursePerson
from courses.people import services


class PersonSerializer(serializers.ModelSerializer):
    """Somebody of a course. Of whom a source names, `office_hours` and `notes` can be written."""

    course = OwnCourses(queryset=Course.objects.none())

    class Meta:
        model = CoursePerson
        fields = [
            *("id", "course", "name", "role", "email", "html_url", "office_hours", "notes", "missing_since"),
            *("source", "external_id", "created_at", "updated_at"),
        ]
        read_only_fields = ["missing_since", "source", "external_id", "created_at", "updated_at"]


class PersonUpdateSerializer(PersonSerializer):
    """A person stays with their course."""

    course = serializers.PrimaryKeyRelatedField(read_only=True)


class CoursePersonViewSet(OwnedModelViewSet):
    """The people of the student's courses."""

    queryset = CoursePerson.objects.all()
    serializer_class = PersonSerializer
    filterset_fields = ["course", "role"]

    def get_serializer_class(self) -> type[BaseSerializer]:
        return PersonUpdateSerializer if self.action == "partial_update" else PersonSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        values = dict(serializer.validated_data)
        serializer.instance = services.add_person(values.pop("course"), by=self.request.user, **values)

    def perform_update(self, serializer: BaseSerializer) -> None:
        changes = serializer.validated_data
        serializer.instance = services.update_person(serializer.instance, by=self.request.user, changes=changes)

    def perform_destroy(self, instance: CoursePerson) -> None:
        services.remove_person(instance, by=self.request.user)
