"""Modules, grades, the planner and the marks in it, against the demo university."""

import pytest

from plugins.catalog.canvas.tests.conftest import HCI, OS, assert_fits, refusal

TERM = {"start": "2026-09-28T00:00:00Z", "end": "2026-10-31T00:00:00Z"}
LAB, LAB_QUIZ, EVENT = "assignment:4101008", "quiz:4101309", "calendar_event:4101401"


class TestModules:
    def test_they_come_with_items_in_one_request(self, kit, manifest):
        modules = kit.execute("get_modules", course_id=OS)
        assert_fits(manifest, "Module", modules)
        assert len(kit.requests) == 1
        assert [module["position"] for module in modules] == [1, 2, 3, 4]
        first, memory, concurrency, storage = modules
        assert (first["state"], concurrency["is_sequential"]) == ("completed", True)
        assert concurrency["prerequisite_ids"] == [memory["id"]] and concurrency["state"] == "locked"
        assert storage["unlock_at"] is not None
        kinds = [item["kind"] for item in first["items"]]
        assert kinds == ["page", "subheader", "assignment", "subheader", "file", "assignment"]

    def test_items_tell_what_is_required_and_what_work_they_lead_to(self, kit):
        modules = kit.execute("get_modules", course_id=OS)
        scheduling = modules[0]["items"][5]
        assert scheduling["requirement"] == {"type": "min_score", "min_score": 25, "completed": True}
        assert scheduling["planner_ids"] == ["assignment:4101003"] and scheduling["indent"] == 1
        quiz = next(item for item in modules[1]["items"] if item["kind"] == "quiz")
        assert quiz["planner_ids"] == ["quiz:4101307"] and quiz["points_possible"] == 10
        link = next(item for item in modules[1]["items"] if item["kind"] == "link")
        assert link["external_url"].startswith("https://") and link["requirement"] is None

    def test_a_classic_quiz_is_the_same_in_the_planner_and_a_new_one_is_an_assignment(self, kit):
        by_name = {entry["name"]: entry for entry in kit.execute("get_assignments", course_id=OS)}
        assert by_name["Quiz 3: Address translation"]["planner_id"] == "quiz:4101307"
        assert by_name["Lab 4: Readers, writers and a barrier"]["planner_id"] == ""
        new = [entry for entry in kit.execute("get_assignments", course_id="4105") if "Practice" in entry["name"]]
        assert [entry["planner_id"] for entry in new] == ["", ""]
        assert not any("quizzes" in path for _, path, _ in kit.requests)  # New Quizzes answer 404 there

    def test_items_that_canvas_leaves_out_are_fetched(self, kit, university):
        university.fault(module_items_left_out=True)
        modules = kit.execute("get_modules", course_id=OS)
        assert [len(module["items"]) for module in modules] == [6, 4, 2, 2]
        assert modules[1]["items"][2]["points_possible"] == 10
        assert len(kit.requests) == 5

    def test_items_that_stay_closed_are_unknown_and_not_gone(self, kit, university):
        university.fault(module_items_left_out=True, status={f"/api/v1/courses/{OS}/modules/4101601/items": 403})
        modules = kit.execute("get_modules", course_id=OS)
        assert [module["items"] is None for module in modules] == [True, False, False, False]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_course_without_a_modules_page_has_none(self, kit, university, status):
        university.fault(status={f"/api/v1/courses/{OS}/modules": status})
        assert kit.execute("get_modules", course_id=OS) == []
        assert [level for level, _ in kit.logs][-1] == "warning"

    def test_ids_beyond_2_to_the_53_keep_every_digit(self, kit):
        modules = kit.execute("get_modules", course_id=HCI)
        assert all(module["id"].startswith("10430000000127") for module in modules)
        assert all(item["id"].startswith("1043000000127") for module in modules for item in module["items"])


class TestGrades:
    def test_they_come_for_all_courses_in_one_request(self, kit, manifest):
        grades = kit.execute("get_grades")
        assert_fits(manifest, "Grade", grades)
        assert len(kit.requests) == 1
        assert next(grade["current_score"] for grade in grades if grade["course_id"] == OS) == 89.08

    def test_courses_know_the_grading_period(self, kit, manifest):
        courses = kit.execute("get_courses")
        assert_fits(manifest, "Course", courses)
        systems = next(course for course in courses if course["id"] == OS)
        assert systems["period_title"] == "Second half" and systems["period_score"] != systems["current_score"]

    def test_nickname_colour_and_favourite_are_the_students(self, kit, university):
        university.university.nicknames[4101] = "OS"
        university.university.colors["course_4101"] = "#ff0000"
        systems = next(course for course in kit.execute("get_courses") if course["id"] == OS)
        assert (systems["name"], systems["nickname"], systems["color"]) == ("Operating Systems", "OS", "#ff0000")
        assert systems["is_favorite"] is True

    @pytest.mark.parametrize("status", [403, 404])
    def test_without_colours_all_is_as_well(self, kit, university, status):
        university.fault(status={"/api/v1/users/self/colors": status})
        assert {course["color"] for course in kit.execute("get_courses")} == {""}

    def test_a_deleted_course_is_left_out(self, kit, university):
        university.change("delete_course", course_id=4102)
        assert "4102" not in [course["id"] for course in kit.execute("get_courses")]


class TestPlanner:
    def test_it_lists_work_and_events_and_no_announcements(self, kit, manifest):
        planner = kit.execute("get_planner", **TERM)
        assert_fits(manifest, "Planner", [planner])
        items = {item["id"]: item for item in planner["items"]}
        assert planner["takes_marks"] is True and planner["start"] == "2026-09-28T00:00:00Z"
        assert {item["kind"] for item in planner["items"]} == {"assignment", "quiz", "calendar_event"}
        assert items[LAB]["assignment_id"] == "4101008" and items[LAB]["course_id"] == OS
        assert items[LAB_QUIZ]["assignment_id"] == "4101009"
        assert items[EVENT]["location"] == "Keller Hall 204" and items[EVENT]["ends_at"] == "2026-10-08T15:30:00Z"
        assert items["calendar_event:4101402"]["starts_on"] == "2026-10-09"

    def test_addresses_stay_relative(self, kit):
        planner = kit.execute("get_planner", **TERM)
        assert all(item["html_path"].startswith("/") and item["html_url"] == "" for item in planner["items"])

    def test_the_same_question_has_the_same_address_all_day(self, kit):
        kit.execute("get_planner")
        kit.execute("get_planner")
        assert kit.requests[0] == kit.requests[-1]


class TestMarks:
    def test_a_mark_is_made_changed_and_read(self, kit, manifest):
        made = kit.execute("mark_complete", id=LAB, complete=True)
        assert_fits(manifest, "Mark", [made])
        assert made["complete"] is True and made["override_id"]
        planner = {item["id"]: item for item in kit.execute("get_planner", **TERM)["items"]}
        assert planner[LAB]["marked_complete"] is True and planner[LAB]["override_id"] == made["override_id"]

        kit.requests.clear()
        changed = kit.execute("mark_complete", id=LAB, complete=False, override_id=made["override_id"])
        assert changed == {**made, "complete": False}
        assert [method for method, _, _ in kit.requests] == ["PUT"]

    def test_marking_twice_is_harmless_and_finds_the_first(self, kit):
        made = kit.execute("mark_complete", id=LAB_QUIZ, complete=True)
        kit.requests.clear()
        assert kit.execute("mark_complete", id=LAB_QUIZ, complete=True) == made
        assert [method for method, _, _ in kit.requests] == ["POST", "GET", "PUT"]

    def test_dismissing_is_another_mark_and_stays_when_nothing_is_said_of_it(self, kit, manifest):
        made = kit.execute("mark_complete", id=LAB, complete=False, dismissed=True)
        assert_fits(manifest, "Mark", [made])
        assert (made["complete"], made["dismissed"]) == (False, True)
        planner = {item["id"]: item for item in kit.execute("get_planner", **TERM)["items"]}
        assert planner[LAB]["dismissed"] is True and planner[LAB]["marked_complete"] is False
        kept = kit.execute("mark_complete", id=LAB, complete=True, override_id=made["override_id"])
        assert (kept["complete"], kept["dismissed"]) == (True, True)
        back = kit.execute("mark_complete", id=LAB, complete=True, dismissed=False, override_id=made["override_id"])
        assert (back["complete"], back["dismissed"]) == (True, False)

    def test_a_mark_whose_id_is_gone_is_made_anew(self, kit):
        assert kit.execute("mark_complete", id=LAB, complete=True, override_id="12")["complete"] is True
        assert [status for _, _, status in kit.requests] == [404, 201]

    @pytest.mark.parametrize(
        ("status", "code"), [(401, "permission_denied"), (403, "permission_denied"), (503, "unavailable")]
    )
    def test_a_refusal_has_words(self, kit, university, status, code):
        university.fault(status={"/api/v1/planner/overrides": status})
        error = refusal(kit, "mark_complete", id=LAB)
        assert error.code == code
        assert status == 503 or error.message == "Canvas does not let you write the mark in your planner."

    def test_what_canvas_does_not_know_is_told(self, kit):
        assert refusal(kit, "mark_complete", id="assignment:1").code == "not_found"

    @pytest.mark.parametrize("name", ["", "12", "assignment:", "assignment:1/2", "../x:1", "assignment:1?a=b"])
    def test_what_is_no_id_never_leaves(self, kit, name):
        assert refusal(kit, "mark_complete", id=name).code == "invalid_params"
        assert kit.requests == []


class TestScope:
    def test_a_token_reads_everything(self, kit, manifest):
        scope = kit.execute("get_scope")
        assert_fits(manifest, "Scope", [scope])
        assert scope["is_complete"] and scope["modules"] and scope["marks"] and scope["note"] == ""
        assert kit.requests == []


class TestWhatProxiesMakeOfAnswers:
    @pytest.mark.parametrize(
        "switches",
        [
            {"shouting_headers": True},
            {"byte_order_mark": True},
            {"rate_limit_remaining": 0.0},
            {"shouting_headers": True, "byte_order_mark": True, "rate_limit_remaining": 3.5},
        ],
    )
    def test_they_are_read_all_the_same(self, kit, university, switches):
        university.fault(**switches)
        assert len(kit.execute("get_courses")) == 6
        assert len(kit.execute("get_planner", **TERM)["items"]) > 20

    def test_a_page_may_be_empty_and_still_lead_on(self, kit, university):
        university.fault(empty_first_page="/api/v1/courses")
        assert len(kit.execute("get_courses")) == 6

    def test_enormous_descriptions_are_cut_and_say_so(self, kit, university):
        university.fault(big_descriptions=1_500_000)
        found = kit.execute("get_assignments", course_id=OS)
        assert len(found) == 11
        assert sum(len(entry["description_html"]) for entry in found) < 4_000_000
        assert found[0]["description_html"].endswith("… (The rest is on Canvas.)")

    def test_shorter_ones_are_kept_whole(self, kit, university):
        university.fault(big_descriptions=100_000)
        found = kit.execute("get_assignments", course_id=OS)
        assert all(entry["description_html"].endswith("x" * 100_000) for entry in found)

    def test_a_dead_sign_in_asks_to_reconnect(self, kit, university):
        kit.authentication = {"way": "sign_in", "type": "oauth2"}
        university.fault(reject_tokens=True)
        error = refusal(kit, "get_courses")
        assert error.code == "reconnect_needed" and "Reconnect" in error.message
