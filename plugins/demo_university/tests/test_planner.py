"""The planner over real HTTP: what it lists, and the marks that the student makes in it."""

import httpx
import pytest

from plugins.demo_university.testing import running_university

TODAY = "2026-10-05"
LAB, QUIZ, EVENT = 4101008, 4101309, 4101401


@pytest.fixture(scope="module")
def server():
    with running_university(today=TODAY) as university:
        yield university


@pytest.fixture
def client(server):
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=server.headers) as client:
        yield client
    server.reset()


def items(client, **query) -> dict[tuple[str, int], dict]:
    answer = client.get("/planner/items", params={"per_page": 100, **query}).json()
    return {(item["plannable_type"], item["plannable_id"]): item for item in answer}


def mark(client, kind="assignment", number=LAB, **more) -> httpx.Response:
    return client.post("/planner/overrides", json={"plannable_type": kind, "plannable_id": number, **more})


def test_the_planner_lists_work_quizzes_by_their_own_ids_and_events(client):
    found = items(client)
    assert found["assignment", LAB]["planner_override"] is None
    assert found["quiz", QUIZ]["plannable"]["assignment_id"] == 4101009
    assert found["calendar_event", EVENT]["plannable"]["location_name"] == "Keller Hall 204"
    assert found["calendar_event", EVENT + 1]["plannable"]["all_day_date"] == "2026-10-09"
    assert found["calendar_event", EVENT]["html_url"].startswith("/calendar?")
    assert {kind for kind, _ in found} == {"assignment", "quiz", "calendar_event", "announcement"}


def test_a_mark_is_made_once_changed_and_shown(client):
    made = mark(client, marked_complete=True)
    assert made.status_code == 201 and made.json()["marked_complete"] is True
    assert mark(client, marked_complete=True).status_code == 400
    assert items(client)["assignment", LAB]["planner_override"]["id"] == made.json()["id"]
    path = f"/planner/overrides/{made.json()['id']}"
    assert client.put(path, data={"marked_complete": "false"}).json()["marked_complete"] is False
    assert client.get(path).json()["dismissed"] is False
    assert [entry["plannable_id"] for entry in client.get("/planner/overrides").json()] == [LAB]


@pytest.mark.parametrize(
    ("kind", "number", "status"),
    [
        ("assignment", 1, 404),
        ("assignment", 4101009, 404),
        ("nonsense", LAB, 400),
        ("quiz", "x", 400),
        ("quiz", QUIZ, 201),
    ],
)
def test_only_what_is_there_can_be_marked(client, kind, number, status):
    assert mark(client, kind, number).status_code == status


def test_unknown_marks_are_not_there(client):
    assert client.put("/planner/overrides/1", json={}).status_code == 404


def test_marks_survive_a_restart(tmp_path):
    found = []
    for _ in range(2):
        with (
            running_university(today=TODAY, var=tmp_path) as university,
            httpx.Client(base_url=f"{university.url}/api/v1", headers=university.headers) as client,
        ):
            if not found:
                mark(client, marked_complete=True)
            found.append(items(client)["assignment", LAB]["planner_override"])
    assert found[0] == found[1] and found[1]["marked_complete"] is True


def test_events_of_the_calendar_come_by_course(client):
    codes = {"context_codes[]": ["course_4101"], "all_events": "1"}
    events = client.get("/calendar_events", params=codes).json()
    assert [event["id"] for event in events] == [EVENT, EVENT + 1]
    work = client.get("/calendar_events", params={**codes, "type": "assignment", "per_page": 100}).json()
    assert f"assignment_{LAB}" in [event["id"] for event in work]


def test_modules_have_headings_requirements_and_scores(client):
    modules = client.get("/courses/4101/modules", params={"include[]": ["items", "content_details"]}).json()
    first = modules[0]["items"]
    assert [item["type"] for item in first] == ["Page", "SubHeader", "Assignment", "SubHeader", "File", "Assignment"]
    assert first[5]["completion_requirement"] == {"type": "min_score", "min_score": 25, "completed": True}
    assert "html_url" not in first[1] and first[0]["completion_requirement"]["type"] == "must_view"
    assert modules[2]["require_sequential_progress"] is True
    quiz = next(item for item in modules[1]["items"] if item["type"] == "Quiz")
    assert quiz["content_id"] == 4101307 and quiz["content_details"]["points_possible"] == 10


def test_the_list_of_courses_knows_the_grading_period(client):
    course = client.get("/courses", params={"include[]": ["total_scores", "current_grading_period_scores"]}).json()[0]
    enrollment = course["enrollments"][0]
    assert enrollment["current_grading_period_title"] == "Second half"
    assert enrollment["current_period_computed_current_score"] != enrollment["computed_current_score"]
