"""Several sources in one planner: shown once everywhere, whatever came first, and nothing of the student's is lost."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.agenda import build_agenda
from courses.importing.announcements import import_announcements
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.importing.planner import import_planner
from courses.models import Announcement, Assignment, Course, PlannerItem
from courses.moments import Clock
from courses.sameness import services, vanished
from courses.services import create_assignment, delete_assignment, mark_done, update_assignment, update_course
from courses.tests.factories import (
    NOW,
    announcement_record,
    assignment_record,
    course_record,
    planner_record,
    submission_record,
)

pytestmark = pytest.mark.django_db
TOKEN, FEED, SECOND = "connection:1", "connection:2", "connection:3"


def bring(owner: Any, source: str, *works: dict[str, Any], course: dict[str, Any] | None = None, **options: Any) -> Any:
    """What a sync of one source does."""
    record = course or course_record()
    import_courses(owner, source=source, courses=[record], by=owner)
    return import_assignments(
        owner, source=source, course_id=record["id"], assignments=list(works), by=owner, **options
    )


def feed_record(id: str = "1", **fields: Any) -> dict[str, Any]:
    full = assignment_record(id)
    kept = {name: full[name] for name in ("id", "course_id", "name", "due_at", "state", "html_url")}
    return {**kept, "is_partial": True, "submission_types": ["not_reported"], **fields}


def feed_course() -> dict[str, Any]:
    return {"id": "101", "is_partial": True, "name": "CS 101", "course_code": "CS 101", "state": "available"}


def shown(owner: Any) -> list[tuple[str, str]]:
    rows = Assignment.objects.visible_to(owner).present().order_by("name", "pk")
    return [(row.source, row.name) for row in rows]


class TestImports:
    def test_a_token_and_a_feed_of_one_canvas_show_each_thing_once_and_the_richer_one(self, owner: Any) -> None:
        bring(owner, FEED, feed_record("1"), feed_record("2"), course=feed_course())
        bring(owner, TOKEN, assignment_record("1"))

        assert shown(owner) == [(TOKEN, "Problem set 1"), (FEED, "Problem set 2")]
        assert [course.source for course in Course.objects.visible_to(owner).active(NOW)] == [TOKEN]

    def test_no_order_of_syncs_matters(self, owner: Any) -> None:
        syncs = {
            TOKEN: lambda: bring(owner, TOKEN, assignment_record("1"), assignment_record("3")),
            FEED: lambda: bring(owner, FEED, feed_record("1"), feed_record("2"), course=feed_course()),
            SECOND: lambda: bring(owner, SECOND, assignment_record("1"), assignment_record("2", name="Problem set 2")),
        }
        results = []
        for order in permutations(syncs):
            Course.objects.filter(owner=owner).delete()
            for source in (*order, *order):
                syncs[source]()
            results.append(shown(owner))

        assert results == [[(TOKEN, "Problem set 1"), (SECOND, "Problem set 2"), (TOKEN, "Problem set 3")]] * 6

    def test_the_other_steps_forward_when_the_main_one_vanishes_and_back_when_it_returns(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        bring(owner, FEED, feed_record("1"), course=feed_course())

        bring(owner, TOKEN)
        assert shown(owner) == [(FEED, "Problem set 1")]
        bring(owner, TOKEN, assignment_record("1"))
        assert shown(owner) == [(TOKEN, "Problem set 1")]

    def test_syncing_again_changes_nothing_and_asks_little(
        self, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        bring(owner, FEED, feed_record("1"), course=feed_course())
        bring(owner, TOKEN, assignment_record("1"))

        with django_assert_max_num_queries(45):
            result = bring(owner, TOKEN, assignment_record("1"))
        assert (result.changed, result.unchanged) == (0, 1)

    def test_events_and_announcements_of_two_accounts_are_shown_once(self, owner: Any) -> None:
        event = planner_record("calendar_event:7", title="Guest lecture", html_url="")
        for source, number in ((TOKEN, "7"), (SECOND, "8")):
            import_courses(owner, source=source, courses=[course_record()], by=owner)
            import_planner(owner, source=source, items=[{**event, "id": f"calendar_event:{number}"}], by=owner)
            news = [
                announcement_record(number, title="Room 5"),
                announcement_record(f"{number}1", title=f"By {source}"),
            ]
            import_announcements(owner, source=source, announcements=news, by=owner)

        titles = [row.title for row in Announcement.objects.visible_to(owner).shown_once().order_by("title")]
        assert PlannerItem.objects.visible_to(owner).present().count() == 1
        assert titles == [f"By {TOKEN}", f"By {SECOND}", "Room 5"]

    def test_two_universities_stay_apart(self, owner: Any) -> None:
        other = course_record("101", html_url="https://b.edu/courses/101")
        bring(owner, TOKEN, assignment_record("1"))
        bring(owner, SECOND, assignment_record("1", html_url="https://b.edu/courses/101/assignments/1"), course=other)

        assert len(shown(owner)) == 2
        assert Course.objects.visible_to(owner).active(NOW).count() == 2


class TestEverywhere:
    def test_lists_counts_search_and_the_api_agree(self, owner: Any, page: Any, api: Any) -> None:
        soon = {"due_at": (timezone.now() + timedelta(days=1)).isoformat()}
        bring(owner, FEED, feed_record("1", **soon), course=feed_course())
        bring(owner, TOKEN, assignment_record("1", **soon))
        clock = Clock(timezone.now(), owner.zone)

        agenda = [row.name for section in build_agenda(owner, clock).sections for row in section.rows]
        course = Course.objects.get(owner=owner, source=TOKEN)
        assert agenda == ["Problem set 1"]
        assert api.get("/api/v1/assignments/").json()["results"][0]["source"] == TOKEN
        assert len(api.get("/api/v1/assignments/").json()["results"]) == 1
        assert len(api.get("/api/v1/courses/").json()["results"]) == 1
        assert page.get(reverse("courses:assignments")).context["page"].paginator.count == 1
        assert page.get(course.get_absolute_url()).context["summary"] == "1 to do"
        hits = page.get("/search/?q=Problem").content.decode()
        assert [f'href="/assignments/{work.pk}/"' in hits for work in Assignment.objects.order_by("pk")] == [
            False,
            True,
        ]

    def test_the_page_of_a_course_that_is_not_shown_leads_to_the_one_that_is(self, owner: Any, page: Any) -> None:
        bring(owner, FEED, course=feed_course())
        bring(owner, TOKEN)
        hidden = Course.objects.get(owner=owner, source=FEED)

        assert page.get(hidden.get_absolute_url()).url == Course.objects.get(source=TOKEN).get_absolute_url()

    def test_work_that_only_the_feed_knows_wears_the_name_and_colour_of_the_course_that_is_shown(
        self, owner: Any
    ) -> None:
        bring(owner, FEED, feed_record("2"), course=feed_course())
        bring(owner, TOKEN)
        main = Course.objects.get(source=TOKEN)
        update_course(main, by=owner, changes={"nickname": "Kernel", "hue": 5})

        work = Assignment.objects.get(name="Problem set 2")
        assert (work.course.title, work.course.hue) == ("Kernel", 5)


class TestWhatTheStudentWrote:
    def test_it_is_found_whichever_row_is_shown(self, owner: Any) -> None:
        bring(owner, FEED, feed_record("1"), course=feed_course())
        work = Assignment.objects.get()
        mark_done(work, done=True, by=owner)
        update_assignment(work, by=owner, changes={"notes": "ask Ada"})

        bring(owner, TOKEN, assignment_record("1"))

        main = Assignment.objects.visible_to(owner).present().get()
        assert (main.source, main.notes, main.done_at is not None) == (TOKEN, "ask Ada", True)

    def test_a_mark_and_a_note_reach_every_row(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        bring(owner, FEED, feed_record("1"), course=feed_course())
        main = Assignment.objects.get(source=TOKEN)

        mark_done(main, done=True, by=owner)
        update_assignment(main, by=owner, changes={"notes": "chapter 3"})

        twin = Assignment.objects.get(source=FEED)
        assert (twin.notes, twin.done_at is not None) == ("chapter 3", True)

    def test_notes_of_both_are_kept(self, owner: Any, page: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        other = assignment_record("9", course_id="201", html_url="")
        bring(owner, SECOND, other, course=course_record("201", html_url="https://b.edu/c/1"))
        first, second = Assignment.objects.order_by("pk")
        for work, notes in ((first, "one"), (second, "two")):
            update_assignment(work, by=owner, changes={"notes": notes})

        shown_one = services.join(first, second, by=owner)

        text = page.get(shown_one.get_absolute_url()).content.decode()
        assert "one" in text and "two" in text
        assert sorted(Assignment.objects.values_list("notes", flat=True)) == ["one", "two"]

    def test_a_nickname_survives_the_course_that_had_it(self, owner: Any) -> None:
        bring(owner, TOKEN)
        bring(owner, FEED, course=feed_course())
        update_course(Course.objects.get(source=TOKEN), by=owner, changes={"nickname": "Kernel"})

        import_courses(owner, source=TOKEN, courses=[], by=owner)

        assert [course.title for course in Course.objects.visible_to(owner).active(NOW)] == ["Kernel"]

    def test_a_parted_course_has_its_own_name_again(self, owner: Any) -> None:
        bring(owner, TOKEN)
        bring(owner, FEED, course=feed_course())
        main, twin = Course.objects.get(source=TOKEN), Course.objects.get(source=FEED)

        services.part(main, twin, by=owner)

        twin.refresh_from_db()
        assert (twin.same_as, twin.title, twin.before_same) == (None, "CS 101", None)


class TestTheStudentsWord:
    def test_parted_stays_parted_through_syncs_and_can_be_joined_again(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        bring(owner, FEED, feed_record("1"), course=feed_course())
        main, twin = Assignment.objects.get(source=TOKEN), Assignment.objects.get(source=FEED)

        services.part(main, twin, by=owner)
        bring(owner, FEED, feed_record("1"), course=feed_course())
        assert len(shown(owner)) == 2
        services.join(main, twin, by=owner)
        assert shown(owner) == [(TOKEN, "Problem set 1")]

    def test_hand_made_work_is_joined_by_word_and_the_source_is_shown(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        course = Course.objects.get()
        own = create_assignment(course, by=owner, name="Problem set 1", due_at=NOW + timedelta(days=3))
        assert len(shown(owner)) == 2

        services.join(own, Assignment.objects.get(source=TOKEN), by=owner)

        assert shown(owner) == [(TOKEN, "Problem set 1")]

    def test_deleting_the_hand_made_one_leaves_the_other(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        own = create_assignment(Course.objects.get(), by=owner, name="Mine")
        services.join(own, Assignment.objects.get(source=TOKEN), by=owner)
        bring(owner, TOKEN)

        own.refresh_from_db()
        assert shown(owner) == [("", "Mine")]
        delete_assignment(own, by=owner)
        assert shown(owner) == []
        assert Assignment.objects.visible_to(owner).vanished().count() == 1


class TestVanished:
    def test_kept_work_is_the_students_own_and_one_again_when_the_source_has_it_back(self, owner: Any) -> None:
        bring(owner, TOKEN, assignment_record("1"))
        work = Assignment.objects.get()
        update_assignment(work, by=owner, changes={"notes": "half done"})
        bring(owner, TOKEN)

        own = vanished.keep_as_own(work, by=owner)
        assert (own.is_by_hand, own.notes) == (True, "half done")
        assert shown(owner) == [("", "Problem set 1")]
        assert vanished.keep_as_own(work, by=owner) == own
        bring(owner, TOKEN, assignment_record("1"))
        assert shown(owner) == [(TOKEN, "Problem set 1")]

    def test_work_that_was_put_away_is_out_of_lists_until_the_source_lists_it_again(
        self, owner: Any, page: Any
    ) -> None:
        bring(owner, TOKEN, assignment_record("1", submission=submission_record()))
        bring(owner, TOKEN)
        work = Assignment.objects.get()
        listed = reverse("courses:assignments")
        assert page.get(listed).context["page"].paginator.count == 1

        vanished.put_away(work, by=owner)
        assert page.get(listed).context["page"].paginator.count == 0
        bring(owner, TOKEN, assignment_record("1"))
        assert page.get(listed).context["page"].paginator.count == 1
