"""The REST API over real HTTP: tokens, pages, throttle, caching, and the shapes that clients rely on."""

import re
from datetime import timedelta

import httpx
import pytest

from plugins.demo_university.testing import DOMAIN, running_university
from plugins.demo_university.throttle import Throttle

TODAY = "2026-10-05"
plain = httpx.Client(verify=False)  # loading certificates for every plain request would take longer than it
LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


@pytest.fixture(scope="module")
def server():
    with running_university(today=TODAY) as university:
        yield university


@pytest.fixture
def university(server):
    yield server
    server.reset()


@pytest.fixture
def client(university):
    with httpx.Client(base_url=university.url, headers=university.headers) as client:
        yield client


def links(response: httpx.Response) -> dict[str, str]:
    return {rel: url for url, rel in LINK.findall(response.headers["link"])}


class TestTokens:
    @pytest.mark.parametrize(
        ("headers", "words"),
        [
            ({}, "user authorization required"),
            ({"Authorization": "Bearer 7301~nonsense"}, "Invalid access token."),
            ({"Authorization": "Basic abc"}, "user authorization required"),
        ],
    )
    def test_a_bad_token_is_refused_with_www_authenticate(self, university, headers, words):
        response = plain.get(f"{university.url}/api/v1/users/self", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="canvas-lms"'
        assert response.json()["errors"][0]["message"] == words

    def test_a_lack_of_permission_is_a_401_without_it(self, client):
        response = client.get("/api/v1/accounts")
        assert response.status_code == 401
        assert "www-authenticate" not in response.headers
        assert response.json()["status"] == "unauthorized"

    def test_an_expired_token_is_refused(self, client, university, monkeypatch):
        clock = university.university.clock
        monkeypatch.setattr(university.university, "clock", lambda: clock() + timedelta(days=121))
        response = client.get("/api/v1/users/self")
        assert response.status_code == 401
        assert response.json()["errors"][0]["message"] == "Expired access token."


class TestPaging:
    def test_ten_come_by_default_and_next_leads_on_to_the_end(self, client):
        first = client.get("/api/v1/courses/4101/students/submissions")
        assert len(first.json()) == 10
        assert set(links(first)) == {"current", "next", "first"}  # no last: Canvas leaves it out here
        second = client.get(links(first)["next"])
        assert len(second.json()) == 1
        assert set(links(second)) == {"current", "prev", "first"}
        assert client.get(links(second)["prev"]).json() == first.json()

    def test_a_list_that_is_counted_names_its_last_page(self, client):
        response = client.get("/api/v1/courses?per_page=4")
        assert len(client.get(links(response)["last"]).json()) == 2

    def test_other_parameters_stay_in_the_links(self, client):
        response = client.get("/api/v1/courses?per_page=1&include[]=term")
        assert "term" in client.get(links(response)["next"]).json()[0]

    @pytest.mark.parametrize(("asked", "given"), [("2", 2), ("0", 1), ("1000", 11), ("x", 10)])
    def test_the_page_size_is_bounded(self, client, asked, given):
        assert len(client.get(f"/api/v1/courses/4101/assignments?per_page={asked}").json()) == given

    def test_page_numbers_work_and_nonsense_does_not(self, client):
        assert len(client.get("/api/v1/courses?per_page=4&page=2").json()) == 2
        assert client.get("/api/v1/courses?page=bookmark:zzz").status_code == 400

    def test_links_carry_the_name_by_which_the_client_knows_the_server(self, client):
        assert links(client.get("/api/v1/courses?per_page=1"))["next"].startswith("http://127.0.0.1:")
        response = client.get("/api/v1/courses?per_page=1", headers={"Host": DOMAIN})
        assert links(response)["next"].startswith(f"https://{DOMAIN}/api/v1/courses?")


class TestThrottle:
    @pytest.mark.parametrize(
        ("status", "words"), [(403, "403 Forbidden (Rate Limit Exceeded)"), (429, "429 Too Many Requests")]
    )
    def test_a_throttled_call_is_plain_text(self, client, university, status, words):
        university.fault(throttle_next=1, throttle_status=status, throttle_retry_after=3)
        response = client.get("/api/v1/courses")
        assert (response.status_code, response.text.strip()) == (status, words)
        assert response.headers["content-type"].startswith("text/plain")
        assert response.headers["retry-after"] == "3"
        assert client.get("/api/v1/courses").status_code == 200

    def test_a_full_bucket_refuses_and_leaks_empty_again(self):
        now = [1000.0]
        bucket = Throttle(high_water=100, maximum=200, clock=lambda: now[0])
        assert [bucket.enter(1) for _ in range(4)] == [True, True, True, False]
        assert bucket.enter(2) is True  # another token's bucket is its own
        now[0] += 6
        assert bucket.enter(1) is True

    def test_cost_and_remaining_quota_are_told(self, client):
        response = client.get("/api/v1/courses")
        assert float(response.headers["x-request-cost"]) > 0
        assert 0 < float(response.headers["x-rate-limit-remaining"]) <= 600

    def test_the_bucket_is_generous_to_a_client_that_asks_one_thing_at_a_time(self, client):
        assert {client.get("/api/v1/users/self").status_code for _ in range(40)} == {200}


class TestAnswers:
    def test_what_did_not_change_is_not_sent_again(self, client, university):
        first = client.get("/api/v1/courses/4101/assignments?include[]=submission")
        asked = {"If-None-Match": first.headers["etag"]}
        again = client.get("/api/v1/courses/4101/assignments?include[]=submission", headers=asked)
        assert (again.status_code, again.content) == (304, b"")
        university.change("grade", assignment_id=4101008, score=50)
        changed = client.get("/api/v1/courses/4101/assignments?include[]=submission", headers=asked)
        assert changed.status_code == 200

    def test_ids_are_numbers_unless_strings_are_asked_for(self, client):
        path = "/api/v1/courses/10430000000000127/assignments"
        assert client.get(path).json()[0]["course_id"] == 10430000000000127
        strings = client.get(path, headers={"Accept": "application/json+canvas-string-ids"}).json()[0]
        assert (strings["course_id"], strings["points_possible"]) == ("10430000000000127", 30.0)

    def test_an_id_may_be_written_with_its_shard(self, client):
        assert client.get("/api/v1/courses/1043~127").json()["id"] == 10430000000000127

    @pytest.mark.parametrize(
        "path",
        [
            "users/self",
            "users/self/profile",
            "users/self/enrollments",
            "users/self/favorites/courses",
            "users/self/colors",
            "users/self/todo",
            "users/self/upcoming_events",
            "users/self/missing_submissions",
            "dashboard_positions",
            "planner/items",
            "announcements?context_codes[]=course_4101",
            "courses/4101",
            "courses/4101/assignments/4101001",
            "courses/4101/assignments/4101001/submissions/self",
            "courses/4101/assignment_groups?include[]=assignments",
            "courses/4101/students/submissions?submitted_since=2026-09-01T00:00:00Z",
            "courses/4101/enrollments?user_id=self",
            "courses/4101/modules?include[]=items&include[]=content_details",
            "courses/4101/modules/4101601/items",
            "courses/4101/pages/course-tools-and-how-to-hand-in",
            "courses/4101/files",
            "courses/4101/folders",
            "files/4101501",
        ],
    )
    def test_every_documented_path_answers(self, client, path):
        response = client.get(f"/api/v1/{path}")
        assert response.status_code == 200, response.text
        assert response.json()

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("courses/1", 404),
            ("courses/x", 404),
            ("courses/4101/assignments/1", 404),
            ("courses/4102/files/4101501", 404),
            ("courses/10430000000000127/files", 403),
            ("courses/10430000000000127/quizzes", 404),
            ("users/5", 401),
            ("announcements", 400),
            ("announcements?" + "&".join(f"context_codes[]=course_{n}" for n in range(11)), 400),
            ("announcements?context_codes[]=course_1", 404),
            ("courses?enrollment_state=sometimes", 400),
            ("planner/items?start_date=yesterday", 400),
        ],
    )
    def test_what_is_not_there_is_told_apart(self, client, path, status):
        assert client.get(f"/api/v1/{path}").status_code == status

    def test_there_are_no_nicknames_yet(self, client):
        assert client.get("/api/v1/users/self/course_nicknames").json() == []

    def test_a_module_waits_for_the_one_before_it(self, client):
        states = {module["name"]: module["state"] for module in client.get("/api/v1/courses/4101/modules").json()}
        assert list(states.values()) == ["completed", "started", "locked", "locked"]

    def test_the_planner_keeps_to_its_window(self, client):
        items = client.get("/api/v1/planner/items?start_date=2026-10-05T04:00:00Z&end_date=2026-10-06T04:00:00Z").json()
        assert {item["plannable"]["title"] for item in items} == {
            "Contest B: Flow and matching",
            "Exercise 4: Join algorithms",
        }

    def test_a_signed_download_needs_no_token_and_no_other_signature(self, client, university):
        url = client.get("/api/v1/files/4101501").json()["url"]
        assert plain.get(url).content.startswith(b"%PDF-")
        assert plain.get(url.replace("verifier=", "verifier=0")).status_code == 403
        university.change("replace_file", file_id=4101501, text="new")
        assert plain.get(url).status_code == 403


class TestSwitches:
    def test_without_the_option_there_are_none(self):
        with running_university(today=TODAY, allow_faults=False) as silent:
            assert plain.post(f"{silent.url}/__faults__", json={"delay_s": 9}).status_code == 404
            assert plain.post(f"{silent.url}/__changes__", json={}).status_code == 404

    def test_an_unknown_switch_or_change_is_named(self, university):
        with pytest.raises(ValueError, match="throttel_next"):
            university.fault(throttel_next=1)
        with pytest.raises(ValueError, match="no change 'explode'"):
            university.change("explode")
        with pytest.raises(ValueError, match="needs 'course_id'"):
            university.change("vanish_course")
        with pytest.raises(ValueError, match="no assignment 1"):
            university.change("grade", assignment_id=1, score=1)

    def test_a_course_can_vanish_and_come_back(self, client, university):
        university.change("vanish_course", course_id=4101)
        assert len(client.get("/api/v1/courses").json()) == 5
        assert client.get("/api/v1/courses/4101/assignments").status_code == 404
        university.reset()
        assert len(client.get("/api/v1/courses").json()) == 6

    def test_an_announcement_and_an_assignment_can_be_added(self, client, university):
        university.change("add_announcement", course_id=4101, title="Room change", message="<p>Now in 12.</p>")
        university.change("add_assignment", course_id=4101, name="Lab 6: Bonus")
        news = client.get("/api/v1/announcements?context_codes[]=course_4101").json()
        assert news[0]["title"] == "Room change"
        names = [entry["name"] for entry in client.get("/api/v1/courses/4101/assignments?per_page=100").json()]
        assert names[-1] == "Lab 6: Bonus" and len(names) == 12

    def test_changes_outlast_the_day(self, university):
        university.change("rename_assignment", assignment_id=4101001, name="Lab 1, renamed")
        university.university._semester = None
        assert university.semester.find_assignment(4101001)[1].name == "Lab 1, renamed"

    def test_requests_are_on_record(self, client, university):
        client.get("/api/v1/courses?per_page=3")
        assert university.requests() == [
            {"method": "GET", "path": "/api/v1/courses", "query": "per_page=3", "status": 200}
        ]
        university.forget_requests()
        assert university.requests() == []
