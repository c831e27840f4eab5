"""A student who connected by a calendar feed: what comes, under which ids, and what is said of the rest."""

import pytest

from plugins.catalog.canvas.tests.conftest import HCI, OS, assert_fits, refusal
from plugins.sdk.testkit import PluginAnsweredError

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"]) + "\r\n"


def calendar(*events: str) -> str:
    return f"{HEAD}{''.join(events)}END:VCALENDAR\r\n"


class TestWhatComes:
    def test_it_connects_and_says_whose_calendar_it_is(self, feed_kit):
        assert feed_kit.authenticate() == {"ok": True, "identity": {"id": "", "name": "Alex Rivera"}}
        assert feed_kit.health()["status"] == "healthy"

    def test_courses_have_the_ids_of_the_api_and_claim_no_more_than_is_known(self, feed_kit, kit, manifest):
        courses = feed_kit.execute("get_courses")
        assert_fits(manifest, "Course", courses)
        assert {course["id"] for course in courses} == {course["id"] for course in kit.execute("get_courses")}
        assert HCI in {course["id"] for course in courses}
        systems = next(course for course in courses if course["id"] == OS)
        assert systems["is_partial"] is True and systems["name"] == systems["course_code"] == "CS 3410"
        assert "current_score" not in systems and "term" not in systems

    def test_assignments_have_the_ids_addresses_and_dates_of_the_api(self, feed_kit, kit, manifest):
        found = {entry["id"]: entry for entry in feed_kit.execute("get_assignments", course_id=OS)}
        full = {entry["id"]: entry for entry in kit.execute("get_assignments", course_id=OS)}
        assert_fits(manifest, "Assignment", list(found.values()))
        assert set(found) < set(full)  # what was due more than thirty days ago is not in a feed
        for number, entry in found.items():
            assert (entry["name"], entry["html_url"]) == (full[number]["name"], full[number]["html_url"])
            assert entry["description_html"] == full[number]["description_html"].strip()
        assert found["4101009"]["due_at"] == full["4101009"]["due_at"] == "2026-10-11T21:00:00Z"
        assert found["4101008"]["due_on"] == "2026-10-07" and "due_at" not in found["4101008"]
        assert found["4101008"]["submission_types"] == ["not_reported"] and "submission" not in found["4101008"]

    def test_events_are_the_planners_and_nothing_is_said_to_be_complete(self, feed_kit, kit, manifest):
        planner = feed_kit.execute("get_planner")
        assert_fits(manifest, "Planner", [planner])
        assert (planner["takes_marks"], planner["start"]) == (False, None)
        full = {item["id"]: item for item in kit.execute("get_planner", start="2026-09-01T00:00:00Z")["items"]}
        for item in planner["items"]:
            same = full[item["id"]]
            for name in ("title", "starts_at", "starts_on", "location", "course_id"):
                assert item[name] == same[name], name

    def test_the_scope_says_what_is_missing(self, feed_kit, manifest):
        scope = feed_kit.execute("get_scope")
        assert_fits(manifest, "Scope", [scope])
        assert not (scope["is_complete"] or scope["modules"] or scope["marks"] or scope["announcements"])
        assert "grades" in scope["note"]

    @pytest.mark.parametrize(
        ("action", "params"),
        [
            ("get_modules", {"course_id": OS}),
            ("get_files", {"course_id": OS}),
            ("download_file", {"file_id": "1"}),
            ("get_announcements", {"course_ids": [OS]}),
            ("get_grades", {}),
            ("mark_complete", {"id": "assignment:1"}),
        ],
    )
    def test_the_rest_is_refused_with_the_next_step(self, feed_kit, action, params):
        error = refusal(feed_kit, action, **params)
        assert error.code == "not_in_feed" and "access token" in error.message
        assert feed_kit.requests == []


class TestOddFeeds:
    def given(self, university, text: str) -> None:
        university.fault(feed_text=text)

    def test_dates_of_ones_own_count_for_the_assignment_they_are_of(self, feed_kit, university):
        url = "URL:https://x.edu/calendar?include_contexts=course_7&month=10&year=2026#assignment_10430000000000127"
        work = event(
            "UID:event-assignment-override-55", "SUMMARY:Essay [draft] [EN 1]", "DTSTART:20261009T100000Z", url
        )
        self.given(university, calendar(work))
        [found] = feed_kit.execute("get_assignments", course_id="7")
        assert (found["id"], found["name"]) == ("10430000000000127", "Essay [draft]")
        assert found["html_url"] == "https://x.edu/courses/7/assignments/10430000000000127"

    def test_without_addresses_the_codes_tell_courses_apart(self, feed_kit, university):
        one = event("UID:event-assignment-1", "SUMMARY:A [CS 1]", "DTSTART:20261009T100000Z")
        two = event("UID:event-assignment-2", "SUMMARY:B [CS 2]", "DTSTART:20261009T100000Z")
        self.given(university, calendar(one, two, one))
        first, second = feed_kit.execute("get_courses")
        assert (first["name"], second["name"]) == ("CS 1", "CS 2") and first["id"] != second["id"]
        assert [entry["id"] for entry in feed_kit.execute("get_assignments", course_id=second["id"])] == ["2"]

    def test_events_of_no_course_and_of_groups_have_none(self, feed_kit, university):
        own = event(
            "UID:event-calendar-event-9",
            "SUMMARY:Dentist",
            "DTSTART;TZID=Europe/Berlin:20261009T100000",
            "URL:https://x.edu/calendar?include_contexts=user_3#calendar_event_9",
        )
        called_off = event(
            "UID:event-calendar-event-8", "SUMMARY:Party", "STATUS:CANCELLED", "DTSTART:20261009T100000Z"
        )
        foreign = event("UID:abc@example.org", "SUMMARY:From elsewhere", "DTSTART:20261009T100000Z")
        self.given(university, calendar(own, called_off, foreign))
        items = feed_kit.execute("get_planner")["items"]
        assert [(item["title"], item["course_id"]) for item in items] == [("Dentist", ""), ("From elsewhere", "")]
        assert items[0]["starts_at"] == "2026-10-09T08:00:00Z"
        assert feed_kit.execute("get_courses") == []

    def test_an_empty_calendar_is_an_empty_calendar(self, feed_kit, university):
        self.given(university, calendar())
        assert feed_kit.execute("get_courses") == [] and feed_kit.execute("get_planner")["items"] == []

    def test_broken_events_leave_the_others(self, feed_kit, university):
        good = event("UID:event-assignment-1", "SUMMARY:A [CS 1]", "DTSTART:20261009T100000Z")
        bad = event("UID:event-assignment-2", "SUMMARY:B [CS 1]", "DTSTART:someday", "DTSTART;;:x", ":::", "")
        self.given(university, f"\ufeff{calendar(bad, good)}")
        [course] = feed_kit.execute("get_courses")
        found = feed_kit.execute("get_assignments", course_id=course["id"])
        assert [(entry["id"], entry["due_at"]) for entry in found] == [("2", None), ("1", "2026-10-09T10:00:00Z")]

    @pytest.mark.parametrize("text", ["<!doctype html><h1>Sign in</h1>", "hello", "[1, 2]"])
    def test_what_is_no_calendar_is_told_at_the_address(self, feed_kit, university, text):
        self.given(university, text)
        with pytest.raises(PluginAnsweredError) as caught:
            feed_kit.authenticate()
        assert caught.value.code == "credential_rejected" and "copy the address again" in caught.value.message

    @pytest.mark.parametrize(
        ("status", "code"), [(404, "credential_rejected"), (401, "credential_rejected"), (503, "unavailable")]
    )
    def test_a_status_has_its_words(self, feed_kit, university, status, code):
        university.fault(status={"/feeds": status})
        assert refusal(feed_kit, "get_courses").code == code

    def test_script_stays_text(self, feed_kit, university):
        work = event("UID:event-assignment-1", "SUMMARY:<b>A</b> [CS 1]", "DESCRIPTION:<script>x</script>\\n\\nB\\, c")
        self.given(university, calendar(work))
        [course] = feed_kit.execute("get_courses")
        [found] = feed_kit.execute("get_assignments", course_id=course["id"])
        assert found["description_html"] == "<p>&lt;script&gt;x&lt;/script&gt;</p><p>B, c</p>"
