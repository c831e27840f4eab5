"""The API's door to imports by hand: begin one, look at it, correct it, bring it in, take it back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import OwnedModelViewSet
from courses.api.serializers import OwnCourses, OwnResources
from courses.models import Course, ImportDraft
from courses.syllabus import drafts, files
from courses.syllabus.reading import is_table
from courses.syllabus.rows import FIELDS, MOST_ROWS
from resources.models import Resource


class ImportListSerializer(serializers.ModelSerializer):
    """A draft without its rows."""

    class Meta:
        model = ImportDraft
        fields = [
            *("id", "course", "course_name", "kind", "file_name", "encoding", "applied_at", "undone_at"),
            *("expires_at", "created_at", "updated_at"),
        ]
        read_only_fields = fields


class ImportSerializer(ImportListSerializer):
    """A draft with its rows: `problems` by field, `same` what a row repeats, `source` the line it was read from."""

    course = OwnCourses(queryset=Course.objects.none(), required=False, allow_null=True)
    course_name = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="of a new course, where no course is given"
    )
    kind = serializers.ChoiceField(
        choices=ImportDraft.Kind.choices, required=False, help_text="told from the text if it is not given"
    )
    file_name = serializers.CharField(required=False, allow_blank=True, max_length=255)
    text = serializers.CharField(
        write_only=True, required=False, trim_whitespace=False, help_text="the table or the syllabus"
    )
    resource = OwnResources(
        queryset=Resource.objects.none(),
        required=False,
        allow_null=True,
        help_text="instead of a text, a file of the vault; `read/` says when it is read",
    )
    is_waiting = serializers.BooleanField(read_only=True, help_text="the file has not been read yet")
    problem = serializers.SerializerMethodField(help_text="why the file cannot be read")
    needs_order = serializers.SerializerMethodField(help_text="true: say in `choices` whether day or month comes first")
    rows = serializers.ListField(child=serializers.DictField(), read_only=True)
    choices = serializers.DictField(read_only=True, help_text="delimiter, columns, order (dmy, mdy), time")
    made = serializers.DictField(read_only=True, help_text="ids of what it brought in")

    class Meta(ImportListSerializer.Meta):
        fields = [*ImportListSerializer.Meta.fields, "text", "resource", "is_waiting", "problem", "needs_order"]
        fields += ["choices", "rows", "made"]
        read_only_fields = ["encoding", "applied_at", "undone_at", "expires_at", "created_at", "updated_at"]

    def get_needs_order(self, draft: ImportDraft) -> bool:
        return drafts.needed_order(draft) == "ask"

    def get_problem(self, draft: ImportDraft) -> str:
        return files.waiting_for(draft).problem if draft.is_waiting else ""

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if bool(values.get("text")) == bool(values.get("resource")):
            raise serializers.ValidationError({"text": "Give either a text or a file of the vault (`resource`)."})
        return values


class RowSerializer(serializers.Serializer):
    """A row as corrected: its number, and the fields that change."""

    number = serializers.IntegerField(min_value=1)
    take = serializers.BooleanField(required=False)
    name = serializers.CharField(required=False, allow_blank=True)
    due = serializers.CharField(required=False, allow_blank=True, help_text="2026-11-30T23:59, the student's time")
    points = serializers.CharField(required=False, allow_blank=True)
    group = serializers.CharField(required=False, allow_blank=True)
    weight = serializers.CharField(required=False, allow_blank=True)
    notes = serializers.CharField(required=False, allow_blank=True)
    url = serializers.CharField(required=False, allow_blank=True)
    score = serializers.CharField(required=False, allow_blank=True)


class CorrectionSerializer(serializers.Serializer):
    """How the text is read (`choices`, which reads it anew), or rows as corrected."""

    choices = serializers.DictField(required=False)
    rows = RowSerializer(many=True, required=False)

    def validate_rows(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(rows) > MOST_ROWS:
            raise serializers.ValidationError(f"At most {MOST_ROWS} rows.")
        return rows


class ImportViewSet(OwnedModelViewSet):
    """Tables and syllabi on their way into a course. Nothing is in the course before `apply`."""

    queryset = ImportDraft.objects.select_related("owner", "course__term")
    serializer_class = ImportSerializer

    def get_serializer_class(self) -> type[BaseSerializer]:
        if self.action == "list":
            return ImportListSerializer
        return CorrectionSerializer if self.action == "partial_update" else ImportSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        given = dict(serializer.validated_data)
        if resource := given.pop("resource", None):
            values = {name: given[name] for name in ("kind", "course", "course_name") if name in given}
            user = self.request.user
            serializer.instance = files.begin_import_of_resource(user, resource, by=user, **values)
            return
        kinds = ImportDraft.Kind
        guessed = kinds.TABLE if is_table(given["text"], given.get("file_name", "")) else kinds.SYLLABUS
        given.setdefault("kind", guessed)
        user = self.request.user
        serializer.instance = drafts.begin_import(user, by=user, **given)

    @extend_schema(request=CorrectionSerializer, responses=ImportSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say how the text is to be read, or correct rows."""
        draft = self.get_object()
        body = CorrectionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if "choices" in body.validated_data:
            draft = drafts.choose(draft, by=request.user, choices=body.validated_data["choices"])
        rows = {
            row["number"]: {name: value for name, value in row.items() if name in (*FIELDS, "take")}
            for row in body.validated_data.get("rows", [])
        }
        if rows:
            draft = drafts.correct(draft, by=request.user, rows=rows)
        return self._answer(draft)

    def perform_destroy(self, instance: ImportDraft) -> None:
        drafts.drop_draft(instance, by=self.request.user)

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str | None = None) -> Response:
        """Look whether the file is read by now: `is_waiting` says so, `problem` why it never will be."""
        return self._answer(files.read_when_ready(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str | None = None) -> Response:
        """Bring the chosen rows in, all or none."""
        return self._answer(drafts.apply_import(self.get_object(), by=request.user))

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str | None = None) -> Response:
        """Take away exactly what it brought in."""
        return self._answer(drafts.undo_import(self.get_object(), by=request.user))

    def _answer(self, draft: ImportDraft) -> Response:
        return Response(ImportSerializer(draft, context=self.get_serializer_context()).data)
