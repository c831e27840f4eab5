"""Drafts, publishing, differences and restoring: the services."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from coreengine.kernel.models import Event
from workflows.comparisons import compare
from workflows.errors import DraftContested, NothingToPublish, NotPublished, WorkflowRemoved
from workflows.models import WorkflowDraft, WorkflowTrigger, WorkflowVersion
from workflows.rules import DefinitionFaulty
from workflows.services import delete_workflow, start_execution
from workflows.tests.factories import SOURCE, make_workflow
from workflows.versions import (
    create_draft_workflow,
    discard_draft,
    draft_of,
    publish_draft,
    restore_version,
    save_draft,
    save_version,
)

pytestmark = pytest.mark.django_db

CHANGED = SOURCE.replace("Tell me", "Tell them")
FAULTY = SOURCE.replace("inputs.text", "inputs.txt")
BROKEN = "name: [unfinished\n  - "


class TestDrafts:
    def test_a_draft_keeps_what_was_typed_and_changes_nothing_that_runs(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        for text in (CHANGED, FAULTY, BROKEN, "", "   \n"):
            workflow.refresh_from_db()
            draft = save_draft(workflow, by=owner, source=text, revision=workflow.revision)
            assert draft.source == text

        workflow.refresh_from_db()
        assert (workflow.name, workflow.version.number, workflow.version.source) == ("Tell me", 1, SOURCE)
        assert WorkflowDraft.objects.count() == 1

    def test_the_second_of_two_windows_is_refused_and_overwrites_nothing(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        seen = workflow.revision
        save_draft(workflow, by=owner, source=CHANGED, revision=seen)

        with pytest.raises(DraftContested, match="changed in another window"):
            save_draft(workflow, by=owner, source=FAULTY, revision=seen)

        assert draft_of(workflow).source == CHANGED

    def test_publishing_elsewhere_counts_as_a_change_too(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        seen = workflow.revision
        save_version(workflow, by=owner, source=CHANGED)

        with pytest.raises(DraftContested):
            save_draft(workflow, by=owner, source=FAULTY, revision=seen)

    def test_a_draft_is_never_replaced_by_one_who_has_not_read_it(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)

        with pytest.raises(DraftContested):
            save_draft(workflow, by=owner, source=FAULTY)
        with pytest.raises(DraftContested):
            restore_version(workflow, 1, by=owner)

    def test_publishing_makes_the_next_version_and_the_draft_is_gone(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        version = publish_draft(workflow, by=owner, message="  For\n all ")

        workflow.refresh_from_db()
        assert (version.number, version.message, version.restores) == (2, "For all", None)
        assert (workflow.version, workflow.name, draft_of(workflow)) == (version, "Tell them", None)
        with pytest.raises(NothingToPublish):
            publish_draft(workflow, by=owner)

    def test_a_faulty_draft_is_not_published_and_stays(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=FAULTY)

        with pytest.raises(DefinitionFaulty) as caught:
            publish_draft(workflow, by=owner)

        assert [(fault.path, fault.line) for fault in caught.value.faults] == [("steps[0].config.params.title", 11)]
        assert draft_of(workflow).source == FAULTY and workflow.versions.count() == 1

    def test_discarding_leaves_what_is_published(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        discard_draft(workflow, by=owner)
        discard_draft(workflow, by=owner)

        assert draft_of(workflow) is None and workflow.versions.count() == 1

    def test_saving_the_same_draft_again_is_no_change(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        first = save_draft(workflow, by=owner, source=CHANGED)
        again = save_draft(workflow, by=owner, source=CHANGED.replace("\n", "\r\n"), revision=first.workflow.revision)

        assert (again.saved_at, again.workflow.revision) == (first.saved_at, first.workflow.revision)

    def test_text_that_cannot_be_kept_is_refused_in_words(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        for text in ("a\x00b", "\ud800", "x" * 300_000):
            with pytest.raises(ValidationError):
                save_draft(workflow, by=owner, source=text)

    def test_a_removed_workflow_takes_no_draft(self, owner: Any) -> None:
        workflow = delete_workflow(make_workflow(owner), by=owner)

        with pytest.raises(WorkflowRemoved):
            save_draft(workflow, by=owner, source=CHANGED)

    def test_every_change_is_on_record(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        discard_draft(workflow, by=owner)
        restore_version(workflow, 1, by=owner)

        types = list(Event.objects.of(workflow).order_by("sequence").values_list("type", flat=True))
        assert types[-3:] == ["workflow.draft_saved", "workflow.draft_discarded", "workflow.draft_saved"]


class TestDraftOnly:
    def test_it_has_a_name_cannot_start_and_sets_no_schedule(self, owner: Any) -> None:
        source = CHANGED + 'triggers:\n  - {type: schedule, cron: "0 7 * * *"}\n'
        workflow = create_draft_workflow(owner, by=owner, source=source)

        assert (workflow.name, workflow.version, WorkflowTrigger.objects.count()) == ("Tell them", None, 0)
        with pytest.raises(NotPublished, match="only a draft"):
            start_execution(workflow, by=owner)
        with pytest.raises(NothingToPublish, match="nothing of"):
            discard_draft(workflow, by=owner)

    def test_published_it_is_version_1_and_ticks(self, owner: Any) -> None:
        source = CHANGED + 'triggers:\n  - {type: schedule, cron: "0 7 * * *"}\n'
        workflow = create_draft_workflow(owner, by=owner, source=BROKEN)
        assert workflow.name == "Untitled workflow"
        save_draft(workflow, by=owner, source=source, revision=workflow.revision)

        assert publish_draft(workflow, by=owner).number == 1
        assert WorkflowTrigger.objects.count() == 1


class TestRestoring:
    def test_the_new_version_says_which_one_it_restores(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=CHANGED)
        draft = restore_version(workflow, 1, by=owner)

        assert (draft.source, draft.restores, draft.base) == (SOURCE, 1, 2)
        version = publish_draft(workflow, by=owner)
        assert (version.number, version.restores, version.source) == (3, 1, SOURCE)

    def test_once_it_is_edited_it_restores_nothing(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=CHANGED)
        draft = restore_version(workflow, 1, by=owner)
        save_draft(workflow, by=owner, source=SOURCE.replace("Tell me", "Tell us"), revision=draft.workflow.revision)

        assert publish_draft(workflow, by=owner).restores is None

    def test_the_database_refuses_to_change_what_a_version_says_of_itself(self, owner: Any) -> None:
        version = make_workflow(owner).version
        for change in ({"message": "x"}, {"restores": 1}, {"source": "x"}):
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
                WorkflowVersion.objects.filter(pk=version.pk).update(**change)


class TestComparing:
    def test_the_draft_is_compared_with_what_is_published(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        found = compare(workflow)

        assert (found.old.number, found.new.ref, found.is_same) == (1, "draft", False)
        assert [(f.path, f.old, f.new) for f in found.changes[0].fields] == [("name", "Tell me", "Tell them")]
        assert found.patch.splitlines()[:2] == ["-name: Tell me", "+name: Tell them"]

    def test_without_a_draft_it_is_the_newest_version_with_the_one_before(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=CHANGED)
        workflow.refresh_from_db()

        assert [compare(workflow).old.number, compare(workflow).new.number] == [1, 2]
        assert compare(workflow, "2", "1").changes[0].fields[0].new == "Tell me"

    def test_a_draft_that_cannot_be_read_is_compared_by_its_lines(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=BROKEN)
        found = compare(workflow)

        assert (found.is_readable, found.changes, found.is_same) == (False, [], False)
        assert "+name: [unfinished" in found.patch

    @pytest.mark.parametrize("ref", ["9", "draft", "x", "²", "-1", "1" * 30])
    def test_what_is_not_there_is_not_found(self, owner: Any, ref: str) -> None:
        with pytest.raises(WorkflowVersion.DoesNotExist):
            compare(make_workflow(owner), "1", ref)
