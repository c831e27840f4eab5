"""The Canvas plugin as a child process against the demo university."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from plugins.catalog.canvas.tests.conftest import HCI, OS, assert_fits, refusal
from plugins.demo_university.testing import DOMAIN
from plugins.sdk.testkit import PluginAnsweredError, PluginKit


class TestCourses:
    def test_all_six_courses_come_with_term_teachers_and_grades(self, kit, manifest):
        courses = kit.execute("get_courses")
        assert_fits(manifest, "Course", courses)
        systems = next(course for course in courses if course["id"] == OS)
        assert len(courses) == 6
        assert systems["name"] == "Operating Systems"
        assert systems["course_code"] == "CS 3410"
        assert systems["teachers"] == ["Dr. Maren Lindqvist", "Tomás Aguilar"]
        assert systems["term"]["name"] == "Fall 2026"
        assert (systems["current_score"], systems["current_grade"]) == (89.08, "B+")
        assert systems["state"] == "available"
        assert "<h2>" in systems["syllabus_html"]

    def test_three_requests_are_enough_and_ask_for_a_hundred(self, kit):
        kit.execute("get_courses")
        assert [urlsplit(path).path for _, path, _ in kit.requests] == [
            "/api/v1/courses",
            "/api/v1/users/self/colors",
            "/api/v1/users/self/dashboard_positions",
        ]
        assert parse_qs(urlsplit(kit.requests[0][1]).query)["per_page"] == ["100"]

    def test_an_id_beyond_2_to_the_53_keeps_every_digit(self, kit):
        assert HCI in [course["id"] for course in kit.execute("get_courses")]
        assert {entry["course_id"] for entry in kit.execute("get_assignments", course_id=HCI)} == {HCI}

    def test_concluded_courses_come_only_when_asked_for(self, kit, university):
        university.change("conclude_course", course_id=4102)
        assert len(kit.execute("get_courses")) == 5
        concluded = kit.execute("get_courses", enrollment_state="concluded")
        assert [(course["id"], course["state"]) for course in concluded] == [("4102", "completed")]
        assert len(kit.execute("get_courses", include_concluded=True)) == 6
        kit.config["include_concluded"] = True
        assert len(kit.execute("get_courses")) == 6
        assert kit.execute("get_courses", enrollment_state="invited") == []

    def test_a_course_whose_dates_shut_the_student_out_is_a_stub(self, kit, university, manifest):
        university.change("restrict_course", course_id=4103)
        courses = kit.execute("get_courses")
        assert_fits(manifest, "Course", courses)
        stub = next(course for course in courses if course["id"] == "4103")
        assert stub["is_restricted"] is True
        assert stub["current_score"] is None
        assert stub["name"] == "Course 4103"


class TestPeople:
    def test_teachers_and_assistants_come_with_their_mail(self, kit, manifest):
        people = kit.execute("get_people", course_id=OS)
        assert_fits(manifest, "Person", people)
        assert [(each["name"], each["role"], each["email"]) for each in people] == [
            ("Dr. Maren Lindqvist", "teacher", "lindqvist@demo.university.edu"),
            ("Tomás Aguilar", "assistant", "aguilar@demo.university.edu"),
        ]
        assert len(kit.requests) == 1

    def test_where_the_list_is_closed_the_course_itself_names_its_teachers(self, kit, university):
        university.fault(people_hidden=True)
        people = kit.execute("get_people", course_id=OS)
        assert [each["name"] for each in people] == ["Dr. Maren Lindqvist", "Tomás Aguilar"]
        assert {each["email"] for each in people} == {""}


class TestAssignments:
    def test_all_sixty_come_in_two_requests_a_course(self, kit, manifest):
        courses = kit.execute("get_courses")
        kit.requests.clear()
        found = [entry for course in courses for entry in kit.execute("get_assignments", course_id=course["id"])]
        assert_fits(manifest, "Assignment", found)
        assert len(found) == 60
        assert len(kit.requests) == 12

    def test_what_was_written_about_the_work_comes_with_it(self, kit, manifest):
        found = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id=OS)}
        assert_fits(manifest, "Assignment", list(found.values()))
        said = found["Lab 2: Round robin with priorities"]["submission"]["comments"]
        assert [(each["author"], each["text"][:14]) for each in said] == [("Tomás Aguilar", "Handed in late")]
        assert said[0]["written_at"].endswith("Z")

    def test_comments_that_canvas_keeps_to_itself_are_not_known(self, kit, university):
        university.fault(status={f"/api/v1/courses/{OS}/students": 403})
        found = kit.execute("get_assignments", course_id=OS)
        assert found and all("comments" not in entry["submission"] for entry in found)

    def test_groups_weights_and_submissions_are_told(self, kit):
        found = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id=OS)}
        graded = found["Lab 2: Round robin with priorities"]
        assert graded["group"]["name"] == "Labs" and graded["group"]["weight"] == 45
        assert found["Quiz 2: Scheduling"]["group"]["drop_lowest"] == 1
        submission = graded["submission"]
        assert (submission["state"], submission["score"], submission["late"]) == ("graded", 44.5, True)
        assert submission["points_deducted"] == 5 and submission["seconds_late"] > 0
        assert found["Quiz 3: Address translation"]["submission"]["missing"] is True
        assert found["Lab 4: Readers, writers and a barrier"]["submission"]["state"] == "unsubmitted"
        assert graded["due_at"].endswith("Z")
        assert graded["allowed_extensions"] == ["c", "h", "tar.gz"]

    def test_a_grade_that_is_not_posted_stays_hidden(self, kit):
        found = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id="4103")}
        unposted = found["Project 2: Indexes and plans"]["submission"]
        assert (unposted["state"], unposted["score"], unposted["grade"]) == ("submitted", None, None)

    def test_excused_pending_and_new_quizzes_are_told_apart(self, kit):
        algorithms = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id="4102")}
        assert algorithms["Problem set 4: Amortised analysis"]["submission"]["excused"] is True
        algebra = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id="4105")}
        practice = algebra["Practice 2: Eigenvectors"]
        assert practice["submission"]["state"] == "pending_review"
        assert practice["submission_types"] == ["external_tool"]

    def test_a_moved_due_date_and_a_new_grade_are_seen(self, kit, university):
        university.change("move_due_date", assignment_id=4101008, due_at="2026-10-12T03:59:59Z")
        university.change("grade", assignment_id=4101008, score=41)
        moved = next(entry for entry in kit.execute("get_assignments", course_id=OS) if entry["id"] == "4101008")
        assert moved["due_at"] == "2026-10-12T03:59:59Z"
        assert (moved["submission"]["state"], moved["submission"]["score"]) == ("graded", 41)

    def test_a_due_date_may_be_taken_away(self, kit, university):
        university.change("move_due_date", assignment_id=4101008, due_at=None)
        moved = next(entry for entry in kit.execute("get_assignments", course_id=OS) if entry["id"] == "4101008")
        assert moved["due_at"] is None

    def test_a_course_that_vanished_is_named(self, kit, university):
        university.fault(drop_courses=[4104])
        error = refusal(kit, "get_assignments", course_id="4104")
        assert error.code == "not_found" and "4104" in error.message
        assert len(kit.execute("get_assignments", course_id=OS)) == 11

    @pytest.mark.parametrize("course_id", ["../../users/self", "", "4101/x", "4101?a=1"])
    def test_what_is_no_id_never_reaches_an_address(self, kit, course_id):
        assert refusal(kit, "get_assignments", course_id=course_id).code == "invalid_params"
        assert kit.requests == []


class TestAnnouncements:
    def test_those_of_all_courses_come_in_one_request_newest_first(self, kit, manifest, university):
        found = university_announcements(kit)
        assert_fits(manifest, "Announcement", found)
        assert [entry["posted_at"] for entry in found] == sorted((e["posted_at"] for e in found), reverse=True)
        assert {entry["course_id"] for entry in found} >= {OS, HCI}
        assert all(entry["author"] for entry in found)

    def test_more_than_ten_courses_are_asked_for_in_portions(self, kit):
        kit.execute("get_announcements", course_ids=[OS, HCI, *[str(number) for number in range(5000, 5010)]])
        portions = [parse_qs(urlsplit(path).query)["context_codes[]"] for _, path, _ in kit.requests]
        assert max(len(portion) for portion in portions) <= 10

    def test_a_closed_course_does_not_hide_those_of_the_others(self, kit, university):
        university.change("restrict_course", course_id=4103)
        assert OS in {entry["course_id"] for entry in university_announcements(kit)}
        assert "warning" in [level for level, _ in kit.logs]

    def test_no_course_means_no_request(self, kit):
        assert kit.execute("get_announcements", course_ids=[]) == []
        assert kit.requests == []

    def test_the_same_question_has_the_same_address_all_day(self, kit):
        kit.execute("get_announcements", course_ids=[OS])
        kit.execute("get_announcements", course_ids=[OS])
        assert kit.requests[0] == kit.requests[1]


def university_announcements(kit: PluginKit) -> list[dict]:
    courses = [course["id"] for course in kit.execute("get_courses")]
    kit.requests[:] = []
    return kit.execute("get_announcements", course_ids=courses, since="2026-01-01T00:00:00Z")


class TestFiles:
    def test_files_have_their_folders(self, kit, manifest):
        found = kit.execute("get_files", course_id=OS)
        assert_fits(manifest, "File", found)
        assert {(entry["name"], entry["folder"]) for entry in found} == {
            ("lecture-05-scheduling.pdf", "Lectures"),
            ("lecture-11-virtual-memory.pdf", "Lectures"),
            ("lab4-starter-notes.md", "Labs/Lab 4"),
        }

    def test_where_the_files_tab_is_off_the_modules_lead_to_them(self, kit):
        found = kit.execute("get_files", course_id=HCI)
        assert {entry["name"] for entry in found} == {
            "interview-guide.docx",
            "heuristics-handout.pdf",
            "studio-schedule.txt",
        }
        assert kit.progress[-1]["done"] == 3

    def test_a_download_gives_the_bytes_as_a_blob(self, kit, manifest):
        record = kit.execute("download_file", file_id="4101501")
        assert_fits(manifest, "DownloadedFile", [record])
        assert kit.blobs[record["blob"]].startswith(b"%PDF-")
        assert record["size_bytes"] == len(kit.blobs[record["blob"]])

    def test_a_replaced_file_is_new_bytes(self, kit, university):
        before = kit.execute("download_file", file_id="4101503")
        university.change("replace_file", file_id=4101503, text="# Lab 4, second edition\n")
        after = kit.execute("download_file", file_id="4101503")
        assert after["blob"] != before["blob"]
        assert after["updated_at"] > before["updated_at"]
        assert kit.blobs[after["blob"]] == b"# Lab 4, second edition\n"

    def test_a_locked_file_is_listed_as_locked_and_not_downloaded(self, kit, university):
        university.change("lock_file", file_id=4101501)
        locked = {entry["id"]: entry["locked"] for entry in kit.execute("get_files", course_id=OS)}
        assert locked["4101501"] is True and locked["4101502"] is False
        error = refusal(kit, "download_file", file_id="4101501")
        assert error.code == "file_locked" and "lecture-05-scheduling.pdf" in error.message

    def test_a_download_that_fails_is_worth_another_try(self, kit, university):
        university.fault(status={"/files/4101501/download": 503})
        error = refusal(kit, "download_file", file_id="4101501")
        assert error.code == "unavailable" and error.retryable


class TestConnecting:
    def test_the_token_tells_whose_it_is(self, kit):
        assert kit.authenticate() == {"ok": True, "identity": {"id": "7301", "name": "Alex Rivera"}}

    def test_health_is_told_in_words(self, kit, university):
        assert kit.health() == {"status": "healthy", "detail": "Signed in as Alex Rivera."}
        university.fault(status={"/api/v1": 503})
        assert kit.health()["status"] == "unhealthy"

    def test_a_wrong_token_is_told_with_the_next_step(self, kit):
        kit.token = "7301~wrong"
        with pytest.raises(PluginAnsweredError) as caught:
            kit.authenticate()
        assert caught.value.code == "credential_rejected"
        assert f"https://{DOMAIN}/profile/settings" in caught.value.message
        assert not caught.value.retryable

    @pytest.mark.parametrize(("domain", "is_good"), [(DOMAIN, True), ("a..b.edu", False), (".edu.edu", False)])
    def test_settings_are_checked(self, kit, domain, is_good):
        kit.config["canvas_domain"] = domain
        assert kit.validate()["ok"] is is_good

    def test_an_unreachable_host_is_told(self, kit):
        kit.hosts = {DOMAIN: "http://127.0.0.1:9"}
        error = refusal(kit, "get_courses")
        assert error.code == "unreachable" and error.retryable


class TestOddAnswers:
    @pytest.mark.parametrize(
        ("switches", "code", "words", "is_retryable"),
        [
            ({"html_for": "/api/v1/courses"}, "not_data", f"is {DOMAIN} a Canvas address?", False),
            ({"malformed": "/api/v1/courses"}, "malformed_answer", "broken JSON", True),
            ({"endless_paging": "/api/v1/courses"}, "paging_never_ends", "round in a circle", False),
            (
                {"endless_paging": "/api/v1/courses", "endless_kind": "fresh"},
                "paging_never_ends",
                "round in a circle",
                False,
            ),
            ({"status": {"/api/v1/courses": 401}}, "permission_denied", "courses", False),
            ({"status": {"/api/v1/courses": 403}}, "permission_denied", "courses", False),
            ({"status": {"/api/v1/courses": 404}}, "not_found", "courses", False),
            ({"status": {"/api/v1/courses": 500}}, "unavailable", "status 500", True),
            ({"status": {"/api/v1/courses": 503}}, "unavailable", "status 503", True),
            ({"reject_tokens": True}, "credential_rejected", "did not accept the token", False),
            ({"truncated": "/api/v1/courses"}, "unreachable", DOMAIN, True),
            ({"throttle_next": 99, "throttle_status": 429}, "too_many_requests", "slow down", True),
            ({"throttle_next": 99, "throttle_status": 403}, "too_many_requests", "slow down", True),
        ],
    )
    def test_every_fault_of_canvas_has_its_words(self, kit, university, switches, code, words, is_retryable):
        kit.retries = 0
        university.fault(**switches)
        error = refusal(kit, "get_courses")
        assert (error.code, error.retryable) == (code, is_retryable)
        assert words in error.message

    def test_the_next_call_after_a_fault_is_as_good_as_ever(self, kit, university):
        university.fault(malformed="/api/v1/courses")
        refusal(kit, "get_courses")
        university.reset()
        assert len(kit.execute("get_courses")) == 6

    @pytest.mark.parametrize("status", [403, 429])
    def test_a_short_throttle_is_waited_out(self, kit, university, status):
        university.fault(throttle_next=2, throttle_status=status, throttle_retry_after=0.05)
        assert len(kit.execute("get_courses")) == 6
        assert [code for _, _, code in kit.requests] == [status, status, 200, 200, 200]


class TestHostileRecords:
    """Records in shapes that the university does not have, handed to the plugin line by line."""

    def answer(self, kit: PluginKit, action: str, params: dict, bodies: list) -> object:
        with kit.start() as running:
            context = {"action": action, "params": params, "config": kit.config, "context": {}}
            running.send({"jsonrpc": "2.0", "id": 1, "method": "execute_action", "params": context})
            for body in bodies:
                asked = running.receive()
                result = {"status": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
                running.send({"jsonrpc": "2.0", "id": asked["id"], "result": result})
            return running.await_answer(1)["data"]

    def test_null_and_missing_fields_become_sane_values(self, kit, manifest):
        raw = {"id": 2**60, "name": None, "due_at": "soon", "submission": None, "html_url": "javascript:x"}
        bodies = [[{"assignments": [raw, None, 3]}, {"id": 5, "assignments": "none"}], []]
        found = self.answer(kit, "get_assignments", {"course_id": "7"}, bodies)
        assert_fits(manifest, "Assignment", found)
        assert found[0]["id"] == str(2**60)
        assert (found[0]["name"], found[0]["due_at"], found[0]["html_url"]) == ("Untitled assignment", None, "")
        assert found[0]["course_id"] == "7" and found[0]["group"] is None

    def test_entries_that_are_no_objects_are_passed_over(self, kit, manifest):
        courses = self.answer(kit, "get_courses", {}, [[None, 3, "x", {"id": "9", "enrollments": "none", "term": 4}]])
        assert_fits(manifest, "Course", courses)
        assert [course["id"] for course in courses] == ["9"]

    def test_an_object_where_a_list_should_be_is_an_error(self, kit):
        with pytest.raises(PluginAnsweredError) as caught:
            self.answer(kit, "get_courses", {}, [{"courses": []}])
        assert caught.value.code == "malformed_answer"

    def test_hidden_final_grades_stay_hidden(self, kit):
        raw = {
            "id": 1,
            "name": "X",
            "hide_final_grades": True,
            "enrollments": [{"type": "student", "computed_current_score": 90}],
        }
        assert self.answer(kit, "get_courses", {}, [[raw]])[0]["current_score"] is None
