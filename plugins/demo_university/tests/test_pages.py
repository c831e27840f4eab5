"""What a person sees, OAuth2, and what outlives a restart."""

import base64
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import icalendar
import pytest

from plugins.demo_university.semester.build import ZONE
from plugins.demo_university.testing import running_university
from plugins.demo_university.university import Options, University

TODAY = "2026-10-05"
plain = httpx.Client(verify=False)  # loading certificates for every plain request would take longer than it
CLIENT = {"client_id": "10000000000001", "client_secret": "core-engine-demo-secret"}
RETURN = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def university():
    with running_university(today=TODAY) as university:
        yield university


@pytest.fixture
def browser(university):
    with httpx.Client(base_url=university.url, follow_redirects=True) as browser:
        yield browser


@pytest.fixture
def student(browser):
    browser.post("/login", data={"as": "student"})
    return browser


def make_token(student: httpx.Client, purpose: str = "Core Engine", days: str = "120") -> str:
    page = student.post("/profile/settings", data={"purpose": purpose, "days": days})
    return re.search(r'id="token"[^>]* value="([^"]+)"', page.text)[1]


class TestTokens:
    def test_the_way_from_the_front_page_to_a_working_token(self, browser, university):
        assert 'href="/profile/settings"' in browser.get("/").text
        assert browser.get("/profile/settings").url.path == "/login"
        page = browser.post("/login", data={"as": "student", "next": "/profile/settings"})
        assert page.url.path == "/profile/settings"
        token = make_token(browser)
        answer = plain.get(f"{university.url}/api/v1/users/self", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["name"] == "Alex Rivera"

    def test_a_token_is_shown_once_and_a_reload_makes_no_second(self, student, university):
        token = make_token(student, "shown once")
        again = student.get("/profile/settings")
        assert token not in again.text
        assert again.text.count("<th scope=row>shown once</th>") == 1

    def test_a_deleted_token_stops_working(self, student, university):
        token = make_token(student, "short life")
        record = university.university.store.find(token)
        student.post(f"/profile/tokens/{record.id}/delete")
        answer = plain.get(f"{university.url}/api/v1/users/self", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401

    def test_a_token_lives_120_days_at_most(self, student, university):
        record = university.university.store.find(make_token(student, "long life", days="9999"))
        assert datetime.fromisoformat(record.expires_at) <= datetime.now(UTC) + timedelta(days=120)

    def test_a_purpose_is_required_and_what_was_typed_is_kept(self, student):
        page = student.post("/profile/settings", data={"purpose": "x" * 101})
        assert page.status_code == 422 and "x" * 101 in page.text
        assert student.post("/profile/settings", data={"purpose": "  "}).status_code == 422

    def test_a_purpose_is_shown_as_text(self, student):
        make_token(student, "<script>alert(1)</script>")
        page = student.get("/profile/settings").text
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page

    def test_tokens_survive_a_restart_and_are_stored_as_digests(self, tmp_path):
        first = University(Options(var=tmp_path))
        secret, _ = first.store.make_token("laptop")
        file = tmp_path / "university.json"
        assert secret not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        second = University(Options(var=tmp_path))
        assert second.store.find(secret).purpose == "laptop"
        assert second.sign("x") == first.sign("x")


class TestSignIn:
    def test_with_a_password(self, browser):
        assert browser.post("/login", data={"login": "alex.rivera", "password": "demo"}).url.path == "/profile/settings"

    def test_a_wrong_password_keeps_the_name(self, browser):
        page = browser.post("/login", data={"login": "alex.rivera", "password": "no"})
        assert page.status_code == 422
        assert 'value="alex.rivera"' in page.text

    @pytest.mark.parametrize("target", ["https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "x"])
    def test_nobody_is_sent_to_another_site(self, browser, target):
        page = browser.post("/login", data={"as": "student", "next": target}, follow_redirects=False)
        assert page.headers["location"] == "/profile/settings"

    def test_a_form_of_another_site_is_refused(self, student):
        headers = {"Origin": "https://evil.example.com"}
        assert student.post("/profile/settings", data={"purpose": "x"}, headers=headers).status_code == 403
        assert student.post("/logout", headers=headers).status_code == 403

    def test_a_forged_session_is_no_session(self, browser):
        browser.cookies.set("demo_university", f"{int(time.time())}.{'0' * 40}")
        assert browser.get("/profile/settings").url.path == "/login"

    def test_signing_out(self, student):
        student.post("/logout")
        assert student.get("/courses").url.path == "/login"


class TestPages:
    def test_every_link_of_the_courses_leads_somewhere(self, student):
        seen, waiting = set(), ["/", "/courses"]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            response = student.get(path, follow_redirects=False)
            assert response.status_code in (200, 303), path
            target = response.headers.get("location", "")
            if target.startswith("/"):
                waiting.append(target.partition("#")[0])
            if response.headers.get("content-type", "").startswith("text/html"):
                waiting += re.findall(r'(?:href|src)="(/[^"#]*)', response.text)
        assert len([path for path in seen if "/assignments/" in path]) == 60

    def test_the_addresses_of_the_api_lead_to_pages(self, student, university):
        raw = plain.get(
            f"{university.url}/api/v1/courses/4101/assignments?include[]=submission", headers=university.headers
        ).json()[0]
        assert raw["name"] in student.get(raw["html_url"]).text
        assert raw["name"] in student.get(raw["submission"]["preview_url"]).text

    def test_pages_allow_nothing_from_elsewhere(self, browser):
        policy = browser.get("/").headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy

    def test_what_is_not_there_is_a_page(self, student):
        assert student.get("/nowhere").status_code == 404
        assert student.get("/courses/1").status_code == 404
        assert student.get("/assets/../app.py").status_code == 404

    def test_a_feed_is_a_calendar_that_another_library_can_read(self, student, university):
        address = re.search(r'value="https://[^/]+(/feeds/calendars/user_[^"]+)"', student.get("/calendar").text)[1]
        answer = plain.get(f"{university.url}{address}")
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75
        events = {str(event["uid"]): event for event in icalendar.Calendar.from_ical(answer.content).walk("VEVENT")}
        lab = events["event-assignment-4101008"]
        assert str(lab["summary"]) == "Lab 4: Readers, writers and a barrier [CS 3410]"
        assert str(lab["url"]).endswith("/calendar?include_contexts=course_4101&month=10&year=2026#assignment_4101008")
        assert lab["dtstart"].dt.isoformat() == "2026-10-07" and "dtend" not in lab
        quiz = events["event-assignment-4101009"]
        assert quiz["dtstart"].dt == quiz["dtend"].dt == datetime(2026, 10, 11, 21, tzinfo=UTC)
        assert events["event-calendar-event-4101401"]["location"] == "Keller Hall 204"

    def test_a_feed_is_secret_unchanged_and_without_the_old(self, browser, university):
        assert browser.get("/feeds/calendars/user_7301.ics").status_code == 404
        address = f"{university.url}/feeds/calendars/{university.university.feed_name}.ics"
        first = plain.get(address)
        assert plain.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        assert "Lab 1: A shell that forks" not in first.text  # it was due more than thirty days ago
        assert browser.get("/feeds/calendars/course_4101.ics").text.count("BEGIN:VEVENT") < first.text.count(
            "BEGIN:VEVENT"
        )


class TestOAuth:
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def ask(self, **changes: str) -> dict[str, str]:
        return {
            "client_id": CLIENT["client_id"],
            "response_type": "code",
            "redirect_uri": RETURN,
            "state": "s-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changes

    def consent(self, student: httpx.Client, answer: str = "allow", **changes: str) -> dict[str, list[str]]:
        page = student.get("/login/oauth2/auth", params=self.ask(**changes))
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        response = student.post("/login/oauth2/auth", data=fields | {"answer": answer}, follow_redirects=False)
        location = urlsplit(response.headers["location"])
        assert location._replace(query="").geturl() == RETURN
        return parse_qs(location.query)

    def exchange(self, university, **fields: str) -> httpx.Response:
        return plain.post(f"{university.url}/login/oauth2/token", data=CLIENT | fields)

    def test_code_token_refresh_and_revocation(self, student, university):
        back = self.consent(student)
        assert back["state"] == ["s-1"]
        grant = {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": RETURN}
        made = self.exchange(university, **grant, code_verifier=self.verifier).json()
        assert (made["token_type"], made["expires_in"], made["user"]["name"]) == ("Bearer", 3600, "Alex Rivera")
        assert self.exchange(university, **grant, code_verifier=self.verifier).json()["error"] == "invalid_grant"
        refresh = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"]}
        renewed = self.exchange(university, **refresh).json()
        assert "refresh_token" not in renewed
        assert self.exchange(university, **refresh).status_code == 200
        url = f"{university.url}/api/v1/users/self"
        assert plain.get(url, headers={"Authorization": f"Bearer {made['access_token']}"}).status_code == 401
        last = self.exchange(university, **refresh).json()["access_token"]
        headers = {"Authorization": f"Bearer {last}"}
        assert plain.get(url, headers=headers).status_code == 200
        assert plain.delete(f"{university.url}/login/oauth2/token", headers=headers).status_code == 200
        assert plain.get(url, headers=headers).status_code == 401
        assert self.exchange(university, **refresh).json()["error"] == "invalid_grant"

    def test_a_wrong_verifier_gets_nothing(self, student, university):
        grant = {"grant_type": "authorization_code", "code": self.consent(student)["code"][0], "redirect_uri": RETURN}
        assert self.exchange(university, **grant, code_verifier="w" * 64).json()["error"] == "invalid_grant"

    def test_a_wrong_secret_gets_nothing(self, university):
        answer = plain.post(f"{university.url}/login/oauth2/token", data=CLIENT | {"client_secret": "x"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    def test_cancelling_is_told_to_the_program(self, student):
        assert self.consent(student, "deny")["error"] == ["access_denied"]

    def test_the_student_signs_in_on_the_way(self, browser):
        page = browser.get("/login/oauth2/auth", params=self.ask())
        assert page.url.path == "/login"
        after = browser.post("/login", data={"as": "student", "next": page.url.params["next"]})
        assert after.url.path == "/login/oauth2/auth" and "would like to read your courses" in after.text

    @pytest.mark.parametrize("changes", [{"client_id": "1"}, {"redirect_uri": "https://evil.example.com/"}])
    def test_nobody_is_sent_to_a_stranger(self, student, changes):
        assert student.get("/login/oauth2/auth", params=self.ask(**changes)).status_code == 400


class TestCalendarOfTheTerm:
    def test_the_term_moves_on_from_its_first_day_and_starts_over_after_four_weeks(self, tmp_path):
        now = [datetime(2026, 10, 5, 15, tzinfo=UTC)]
        university = University(Options(var=tmp_path), clock=lambda: now[0])
        due = university.semester.find_assignment(4101008)[1].due_at
        now[0] += timedelta(days=10)
        assert university.semester.find_assignment(4101008)[1].due_at == due
        restarted = University(Options(var=tmp_path), clock=lambda: now[0])
        assert restarted.semester.find_assignment(4101008)[1].due_at == due
        now[0] += timedelta(days=20)
        moved = university.semester.find_assignment(4101008)[1].due_at
        assert moved.astimezone(ZONE).date() == due.astimezone(ZONE).date() + timedelta(days=30)


class TestProcess:
    def start(self, *options: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "plugins.demo_university", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def test_it_starts_says_where_it_is_and_stops_on_sigterm(self, tmp_path):
        process = self.start("--var", str(tmp_path / "var"))
        url = process.stdout.readline().rsplit(" ", 1)[1].strip()
        assert plain.get(url).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=5)
        assert process.stderr.read() == ""
        process.stdout.close()

    def test_a_port_in_use_gives_one_clear_line(self, university):
        port = urlsplit(university.url).port
        process = self.start("--port", str(port))
        output = process.communicate(timeout=10)
        assert process.returncode == 1
        assert output[1].strip() == f"Port {port} on 127.0.0.1 is in use; choose another with --port."

    def test_it_knows_nothing_of_django(self):
        program = "import sys, plugins.demo_university.__main__; sys.exit('django' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program]).returncode == 0
