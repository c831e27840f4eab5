"""The rules of taking in webhooks: who may have sent it, what it is called, what of it is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from coreengine.kernel.webhooks import (
    delivery_id_of,
    hmac_fits,
    kept_headers,
    read_body,
    signature_fault,
    standard_fault,
    token_fits,
)

# Source: GitHub Docs, "Validating webhook deliveries", test values.
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
KEY = b"a-key-of-the-length-that-is-usual"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
BODY = b'{"event": "push"}'


def signed(*, key: bytes = KEY, identifier: str = "msg_1", at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    """The headers of a delivery after the Standard Webhooks."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(key, f"{identifier}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def fault(headers: dict[str, str], *, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> str:
    return standard_fault(secrets, body, headers, now=NOW)


class TestStandardWebhooks:
    def test_a_right_signature_is_taken(self) -> None:
        assert fault(signed()) == ""

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_each_header_is_needed(self, name: str, value: str | None) -> None:
        headers = signed()
        headers.pop(name)
        if value is not None:
            headers[name] = value

        assert fault(headers) == f"The header {name} is missing."

    @pytest.mark.parametrize("minutes", [-4.9, 4.9])
    def test_a_clock_may_be_five_minutes_off(self, minutes: float) -> None:
        assert fault(signed(at=NOW + timedelta(minutes=minutes))) == ""

    @pytest.mark.parametrize(("minutes", "words"), [(-5.1, "too old"), (5.1, "too far ahead")])
    def test_a_delivery_of_another_time_is_refused(self, minutes: float, words: str) -> None:
        assert words in fault(signed(at=NOW + timedelta(minutes=minutes)))

    @pytest.mark.parametrize("moment", ["now", "-1", "1.5", "٣", "9" * 400, "0x10"])
    def test_a_time_that_is_none_is_refused(self, moment: str) -> None:
        assert "not a time" in fault({**signed(), "webhook-timestamp": moment})

    @pytest.mark.parametrize(
        "change",
        [
            {"key": b"another-key-of-the-usual-length-1"},
            {"identifier": "msg_2"},
            {"at": NOW + timedelta(seconds=1)},
            {"body": b'{"event":"push"}'},
        ],
    )
    def test_key_id_time_and_raw_body_are_all_signed(self, change: dict[str, Any]) -> None:
        headers = {**signed(), "webhook-signature": signed(**change)["webhook-signature"]}

        assert "does not fit" in fault(headers)

    def test_one_of_several_signatures_has_to_fit(self) -> None:
        right, wrong = signed()["webhook-signature"], signed(key=b"x")["webhook-signature"]

        assert fault({**signed(), "webhook-signature": f"{wrong} {right} v1a,{'x' * 20}"}) == ""
        assert fault({**signed(), "webhook-signature": f"{wrong} {wrong}"})

    @pytest.mark.parametrize("version", ["v1a", "v2", "", "sha1"])
    def test_a_signature_of_another_version_does_not_count(self, version: str) -> None:
        bare = signed()["webhook-signature"].removeprefix("v1,")

        assert fault({**signed(), "webhook-signature": f"{version},{bare}"})
        assert fault({**signed(), "webhook-signature": bare})

    def test_an_older_secret_counts_while_it_is_given(self) -> None:
        older = f"whsec_{base64.b64encode(b'older').decode()}"

        assert fault(signed(key=b"older"), secrets=(SECRET, older)) == ""
        assert fault(signed(key=b"older"))

    @pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "not base64 at all"])
    def test_without_a_usable_secret_nothing_fits(self, secret: str) -> None:
        assert fault(signed(key=b""), secrets=(secret,))
        assert fault(signed(), secrets=())


class TestHmac:
    def test_githubs_own_example(self) -> None:
        assert hmac_fits([GITHUB_SECRET], GITHUB_BODY, GITHUB_SIGNATURE, prefix="sha256=")

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "sha256=",
            GITHUB_SIGNATURE.removeprefix("sha256="),  # GitHub always writes the prefix
            GITHUB_SIGNATURE[:-1],
            GITHUB_SIGNATURE[:-1] + "8",
            GITHUB_SIGNATURE.replace("sha256=", "sha1="),
            "sha1=" + hmac.new(GITHUB_SECRET.encode(), GITHUB_BODY, "sha1").hexdigest(),
            "sha256=" + hmac.new(GITHUB_SECRET.encode(), GITHUB_BODY, "sha1").hexdigest(),
            "sha256=" + hashlib.sha256(GITHUB_BODY).hexdigest(),
            "sha256=" + hmac.new(b"", GITHUB_BODY, "sha256").hexdigest(),
            "sha256=Ünsinn",
        ],
    )
    def test_anything_else_does_not_fit(self, given: str) -> None:
        assert not hmac_fits([GITHUB_SECRET], GITHUB_BODY, given, prefix="sha256=")

    def test_it_is_the_bytes_that_are_signed_and_not_what_they_mean(self) -> None:
        body = b'{"name": "Zo\\u00eb", "n": 1.0}'
        given = hmac.new(b"s", body, "sha256").hexdigest()

        assert hmac_fits(["s"], body, given)
        for same in ('{"name": "Zoë", "n": 1.0}', '{"name":"Zo\\u00eb","n":1.0}', '{"name": "Zo\\u00eb", "n": 1.0}\n'):
            assert not hmac_fits(["s"], same.encode(), given)

    def test_hexadecimal_and_base64_are_read(self) -> None:
        right = hmac.new(b"s", BODY, "sha256").digest()
        for text in (right.hex(), right.hex().upper(), f"sha256={right.hex()}", base64.b64encode(right).decode()):
            assert hmac_fits(["s"], BODY, text)


class TestFailingClosed:
    @pytest.mark.parametrize("kind", ["hmac_sha256", "token", "standard_webhooks", "url_secret", "none", ""])
    @pytest.mark.parametrize("secrets", [[], [""]])
    def test_no_secret_means_no_delivery(self, kind: str, secrets: list[str]) -> None:
        empty = hmac.new(b"", BODY, "sha256").hexdigest()
        headers = {**signed(key=b""), "X-Signature": empty}

        assert signature_fault(kind, secrets=secrets, body=BODY, headers=headers, header="X-Signature")

    @pytest.mark.parametrize("kind", ["", "none", "hmac_sha1", "HMAC_SHA256"])
    def test_a_way_that_is_not_known_means_no_delivery(self, kind: str) -> None:
        right = hmac.new(b"s", BODY, "sha256").hexdigest()
        words = signature_fault(kind, secrets=["s"], body=BODY, headers={"X-Signature": right}, header="X-Signature")

        assert "none is accepted" in words

    def test_a_way_without_its_header_means_no_delivery(self) -> None:
        assert signature_fault("hmac_sha256", secrets=["s"], body=BODY, headers={"": "x"})
        assert signature_fault("token", secrets=["s"], body=BODY, headers={"": "s"})

    @pytest.mark.parametrize("given", ["", "secre", "secrett", "Secret", "secret\x00", "sécret"])
    def test_a_token_equals_the_secret_or_does_not_fit(self, given: str) -> None:
        assert token_fits(["secret"], "secret") and not token_fits(["secret"], given)


class TestNames:
    def test_all_the_headers_of_a_manifest_together_name_a_delivery(self) -> None:
        names = ("X-Goog-Channel-ID", "X-Goog-Message-Number")

        assert delivery_id_of({"X-Goog-Channel-ID": "c", "X-Goog-Message-Number": "7"}, names) == "c:7"
        assert delivery_id_of({"X-Goog-Channel-ID": "c"}, names) == ""

    def test_a_long_name_is_kept_by_its_digest(self) -> None:
        assert len(delivery_id_of({"webhook-id": "x" * 900})) == 64

    def test_signatures_cookies_and_authorizations_are_never_kept(self) -> None:
        sent = dict.fromkeys(
            ("Cookie", "Authorization", "X-Hub-Signature", "X-Token", "X-GitHub-Event", "X-Other"), "x"
        )
        kept = kept_headers(sent, wanted=("Cookie", "X-Token", "X-Other"), secret=("X-Token",))

        assert kept == {"x-github-event": "x", "x-other": "x"}


class TestBodies:
    def test_one_that_is_too_large_is_not_read(self) -> None:
        class Unread(io.BytesIO):
            def read(self, *args: Any) -> bytes:
                raise AssertionError("it was read")

        request = RequestFactory().post("/", b"", content_type="application/json", CONTENT_LENGTH="11")
        request._stream = Unread()  # type: ignore[attr-defined]

        assert read_body(request, most=10).status == 413

    def test_one_that_does_not_say_its_length_is_refused(self) -> None:
        request = RequestFactory().post("/", b"x", content_type="application/json", HTTP_TRANSFER_ENCODING="chunked")
        del request.META["CONTENT_LENGTH"]

        assert read_body(request, most=10).status == 411

    def test_one_that_broke_off_is_refused(self) -> None:
        request = RequestFactory().post("/", b"abc", content_type="application/json", CONTENT_LENGTH="9")
        request._stream = io.BytesIO(b"abc")  # type: ignore[attr-defined]

        assert read_body(request, most=10).status == 400
