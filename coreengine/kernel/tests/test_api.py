"""The conventions that every collection of the API keeps."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from coreengine.accounts.models import ApiToken
from coreengine.accounts.services import create_api_token, revoke_api_token
from coreengine.kernel.notifications import notify


class TestProblems:
    def test_an_unknown_address_is_a_problem_document(self, api: APIClient) -> None:
        answer = api.get("/api/v1/nothing/")

        assert answer.status_code == 404 and answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"

    def test_wrong_fields_are_named(self, api: APIClient) -> None:
        answer = api.post("/api/v1/auth/tokens/", {"name": "", "scope": "everything"})

        problem = answer.json()
        assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
        assert set(problem["errors"]) == {"name", "scope"} and problem["type"] == "/api/v1/problems/invalid"

    def test_malformed_json_is_a_400(self, api: APIClient) -> None:
        answer = api.post("/api/v1/auth/tokens/", data="{", content_type="application/json")

        assert answer.status_code == 400 and answer.json()["code"] == "bad_request"

    @pytest.mark.parametrize("body", ["[" * 100_000 + "]" * 100_000, '{"a":' * 150 + "1" + "}" * 150])
    def test_json_nested_without_end_is_a_400_that_says_so(self, api: APIClient, body: str) -> None:
        answer = api.post("/api/v1/auth/tokens/", data=body, content_type="application/json")

        assert answer.status_code == 400 and "100 levels" in answer.json()["detail"]

    def test_nobody_is_a_401_that_says_how_to_sign_in(self) -> None:
        answer = APIClient().get("/api/v1/me/")

        assert answer.status_code == 401 and answer["WWW-Authenticate"] == "Bearer"


class TestTokens:
    def test_a_read_token_may_not_write(self, owner: Any) -> None:
        _, secret = create_api_token(owner, name="reader", by=owner, scope=ApiToken.Scope.READ)
        program = APIClient()
        program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

        assert program.get("/api/v1/me/").status_code == 200
        assert program.patch("/api/v1/me/", {"name": "Eve"}).status_code == 403

    def test_a_revoked_token_stops_at_once(self, owner: Any, api: APIClient) -> None:
        revoke_api_token(ApiToken.objects.get(owner=owner), by=owner)

        assert api.get("/api/v1/me/").status_code == 401

    def test_only_a_digest_is_stored(self, owner: Any) -> None:
        token, secret = create_api_token(owner, name="x", by=owner)

        assert secret not in str(ApiToken.objects.filter(pk=token.pk).values().get())


class TestIdempotency:
    def test_the_same_key_gives_the_first_answer(self, api: APIClient, owner: Any) -> None:
        first = api.post("/api/v1/auth/tokens/", {"name": "once"}, headers={"Idempotency-Key": "k1"})
        second = api.post("/api/v1/auth/tokens/", {"name": "once"}, headers={"Idempotency-Key": "k1"})

        assert first.json()["id"] == second.json()["id"] and second["Idempotent-Replay"] == "true"
        assert ApiToken.objects.filter(owner=owner, name="once").count() == 1

    def test_the_same_key_for_another_body_is_refused(self, api: APIClient) -> None:
        api.post("/api/v1/auth/tokens/", {"name": "once"}, headers={"Idempotency-Key": "k1"})

        answer = api.post("/api/v1/auth/tokens/", {"name": "twice"}, headers={"Idempotency-Key": "k1"})

        assert answer.status_code == 422 and answer.json()["code"] == "key_reused"

    def test_a_refused_request_may_be_tried_again(self, api: APIClient) -> None:
        refused = api.post("/api/v1/auth/tokens/", {"name": ""}, headers={"Idempotency-Key": "k1"})
        accepted = api.post("/api/v1/auth/tokens/", {"name": "ok"}, headers={"Idempotency-Key": "k1"})

        assert (refused.status_code, accepted.status_code) == (422, 201)

    @pytest.mark.parametrize("key", ["a\x00b", "k" * 201, "clé"])
    def test_a_key_that_cannot_be_kept_is_refused(self, api: APIClient, key: str) -> None:
        answer = api.post("/api/v1/auth/tokens/", {"name": "once"}, headers={"Idempotency-Key": key})

        assert answer.status_code == 422 and not ApiToken.objects.filter(name="once").exists()

    def test_a_secret_is_not_kept_with_the_answer(self, api: APIClient) -> None:
        from coreengine.kernel.models import IdempotentRequest

        secret = api.post("/api/v1/auth/tokens/", {"name": "once"}, headers={"Idempotency-Key": "k1"}).json()["token"]

        assert secret not in str(IdempotentRequest.objects.values_list("body", flat=True).get())


class TestLists:
    def test_an_unchanged_answer_is_a_304(self, api: APIClient, owner: Any) -> None:
        notify(owner, title="One")
        etag = api.get("/api/v1/notifications/")["ETag"]

        again = api.get("/api/v1/notifications/", headers={"If-None-Match": etag})
        notify(owner, title="Two")
        later = api.get("/api/v1/notifications/", headers={"If-None-Match": etag})

        assert again.status_code == 304 and later.status_code == 200

    def test_pages_follow_a_cursor_without_gaps(self, api: APIClient, owner: Any) -> None:
        for number in range(7):
            notify(owner, title=f"N{number}")

        titles, address = [], "/api/v1/notifications/?page_size=3"
        while address:
            page = api.get(address).json()
            titles += [row["title"] for row in page["results"]]
            address = page["next"]

        assert titles == [f"N{number}" for number in reversed(range(7))]

    @pytest.mark.parametrize("path", ["", "read/", "unread/"])
    def test_another_students_row_is_404(self, api: APIClient, stranger: Any, path: str) -> None:
        row = notify(stranger, title="Private")

        method = api.post if path else api.get
        assert method(f"/api/v1/notifications/{row.pk}/{path}").status_code == 404


def test_every_operation_says_in_words_what_it_does(api: Any, capfd: Any) -> None:
    paths = api.get("/api/v1/schema/?format=json").json()["paths"]
    assert "identical names" not in capfd.readouterr().err
    operations = [
        (path, verb, each) for path, verbs in paths.items() for verb, each in verbs.items() if verb != "parameters"
    ]
    assert not [(path, verb) for path, verb, each in operations if len(each.get("summary", "")) < 8]
    told = paths["/api/v1/announcements/{id}/"]["get"]
    assert told["summary"].startswith("Read one: what teachers told") and "newest first" in told["description"]
    assert paths["/api/v1/course-archives/"]["post"]["summary"] == "Ask for an archive; a worker makes it"


def test_the_schema_names_every_collection(api: APIClient) -> None:
    schema = api.get("/api/v1/schema/?format=json").json()

    assert schema["openapi"].startswith("3.1")
    assert {"/api/v1/me/", "/api/v1/events/", "/api/v1/notifications/"} <= set(schema["paths"])


def test_the_rate_limit_is_told(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from coreengine.kernel.api.throttling import PerUser

    monkeypatch.setattr(PerUser, "rate", "2/min", raising=False)

    answers = [api.get("/api/v1/me/") for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Limit"] == "2" and answers[1]["RateLimit-Remaining"] == "0"
    assert answers[2].json()["code"] == "too_many_requests" and int(answers[2]["Retry-After"]) > 0


def test_the_docs_page_needs_no_inline_script_or_style(client: Any, db: None) -> None:
    text = client.get("/api/v1/docs/").content.decode()

    assert "swagger-ui-bundle.js" in text and "<style" not in text and "<script>" not in text
    assert client.get("/api/v1/docs/?script=").headers["Content-Type"].startswith("application/javascript")
