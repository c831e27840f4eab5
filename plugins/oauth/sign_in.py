"""A student's way to a service and back.

1. `start` notes what was chosen and typed, and gives the address to go to. State and code verifier are made here; of
   the state only a digest is kept.
2. `come_back` takes the answer: the state must be of a sign-in of this very student (and of the browser that began
   it), ten minutes young, and good once. A code is kept, encrypted, until a worker has used it.
3. `finish` runs in a worker: it trades the code for a token where the sign-in said at its start (never where the answer
   says), and connects.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from plugins.conf import plugin_settings
from plugins.errors import PluginNotInstalled, SignInLost, TokenEndpointFailed
from plugins.manifest import Authentication, Manifest
from plugins.models import Connection
from plugins.oauth import clients, endpoint, protocol, tokens
from plugins.oauth.models import SIGN_IN_LIFETIME, SignIn
from plugins.rules import check_configuration

if TYPE_CHECKING:
    from coreengine.accounts.models import User

logger = logging.getLogger(__name__)
LOST_AFTER = timedelta(minutes=5)  # a code is traded, settings are looked at, and the account is asked
AT_ONCE = 20
"""Sign-ins that one student may have open; the oldest go."""

_ANSWERS = {
    "access_denied": "You did not allow it at {service}, so nothing was connected. Try again when you want to.",
    "invalid_scope": "{service} does not grant everything that this plugin asks for. Tell your admin: the permissions "
    "(scopes) of the client there must include the plugin's.",
    "unauthorized_client": "{service} does not let this installation sign people in. Tell your admin.",
    "invalid_client": "{service} does not know this installation. Tell your admin to check the client id.",
    "server_error": "{service} had a fault of its own. Try again in a moment.",
    "temporarily_unavailable": "{service} is too busy just now. Try again in a moment.",
    "login_required": "{service} wants you to sign in there first. Try again.",
    "invalid_request": "{service} did not understand the request. Tell your admin.",
    "redirect_uri_mismatch": "{service} was told another return address. Tell your admin to register {callback} there.",
}


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the student now; `address` holds the state and is shown to nobody else."""

    sign_in: SignIn
    address: str = field(repr=False)


def start(
    owner: User,
    manifest: Manifest,
    way: Authentication,
    *,
    configuration: Mapping[str, Any],
    binding: str,
    label: str = "",
    connection: Connection | None = None,
) -> Departure:
    """Begin a sign-in; with `connection`, that one gets the new token and keeps everything else.

    `binding` is a secret of the browser that begins it, "" for a program with an API token: then whoever comes back
    must still be the same student.

    Raises:
        ValidationError: by setting, also where no admin has set up a client.
        SiteAddressMissing: this installation does not know its own address.
    """
    cleaned = check_configuration(manifest, configuration)
    client = clients.client_for(manifest, way, cleaned)
    authorization = manifest.address(way.authorization_url, cleaned)
    state, verifier = protocol.new_secret(), protocol.new_secret()
    callback = clients.redirect_uri()
    sign_in = SignIn.objects.create(
        owner=owner,
        plugin=manifest.name,
        way=way.name,
        connection=connection,
        is_reconnect=connection is not None,
        configuration=cleaned,
        label=label.strip()[:100],
        client=client,
        redirect_uri=callback,
        issuer=_origin(authorization),
        state_hash=protocol.digest(state),
        binding_hash=protocol.digest(binding) if binding else "",
        verifier=verifier,
    )
    older = SignIn.objects.filter(owner=owner, stage=SignIn.Stage.AWAY).order_by("-pk").values_list("pk", flat=True)
    SignIn.objects.filter(pk__in=list(older[AT_ONCE:])).delete()
    address = protocol.authorization_address(
        endpoint.browser_address(authorization),
        way,
        client_id=client.client_id,
        redirect_uri=callback,
        state=state,
        verifier=verifier,
    )
    return Departure(sign_in, address)


def come_back(owner: User, answer: Mapping[str, str], *, binding: str) -> SignIn:
    """Take what the service sent along with the student; a worker finishes it.

    Raises:
        SignInLost: the state is missing, unknown, too old, used, or of somebody else. Nothing was changed.
    """
    sign_in = _awaited(owner, answer.get("state", ""), binding)
    if (issuer := answer.get("iss", "")) and _origin(issuer) != sign_in.issuer:
        # RFC 9207: an answer of another service than the one that was asked.
        return _fail(sign_in, "wrong_issuer", {"__all__": "The answer came from another service. Nothing was done."})
    if code := answer.get("error", ""):
        return _fail(sign_in, code[:60], {"__all__": _provider_words(sign_in, code)})
    code = answer.get("code", "")
    if not code or len(code) > protocol.MAX_TOKEN_LENGTH:
        return _fail(sign_in, "no_code", {"__all__": "The service sent no answer that could be used. Try again."})
    from plugins.tasks import finish_sign_in

    with transaction.atomic():
        sign_in.stage, sign_in.code = SignIn.Stage.BACK, code
        sign_in.save(update_fields=["stage", "code"])
        finish_sign_in.delay_on_commit(sign_in.pk)
    return sign_in


def finish(sign_in_id: int) -> None:
    """Trade the code for a token and connect. Safe to run twice: the second finds it taken."""
    from plugins import connecting

    taken = SignIn.objects.filter(pk=sign_in_id, stage=SignIn.Stage.BACK).update(stage=SignIn.Stage.RUNNING)
    if not taken:
        return
    sign_in = SignIn.objects.select_related("owner", "client", "connection").get(pk=sign_in_id)
    try:
        manifest = connecting.installed_manifest(sign_in.plugin)
        way = connecting.chosen_way(manifest, sign_in.way)
        assert way is not None
        credential = _traded(sign_in, manifest, way)
        connection = connecting.connect_with_tokens(sign_in, manifest, way, credential)
    except ValidationError as error:
        by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
        _fail(sign_in, "refused", {name: " ".join(texts) for name, texts in by_field.items()})
    except (PluginNotInstalled, TokenEndpointFailed) as error:
        _fail(sign_in, error.code, {"__all__": str(error)})
    else:
        sign_in.stage, sign_in.connection, sign_in.finished_at = SignIn.Stage.COMPLETED, connection, timezone.now()
        sign_in.verifier = sign_in.code = ""
        sign_in.save(update_fields=["stage", "connection", "finished_at", "verifier", "code"])


def take_up() -> int:
    """Hint at sign-ins whose message was lost, and end those whose worker is gone; return how many."""
    from plugins.tasks import finish_sign_in

    now = timezone.now()
    waiting = SignIn.objects.filter(stage=SignIn.Stage.BACK, back_at__lt=now - timedelta(seconds=20))
    pks = list(waiting.values_list("pk", flat=True)[:100])
    for pk in pks:
        finish_sign_in.delay(pk)
    lost = list(SignIn.objects.filter(stage=SignIn.Stage.RUNNING, back_at__lt=now - LOST_AFTER)[:100])
    for sign_in in lost:
        if SignIn.objects.filter(pk=sign_in.pk, stage=SignIn.Stage.RUNNING).update(stage=SignIn.Stage.FAILED):
            _fail(sign_in, "worker_lost", {"__all__": "The worker that did this ended before it was done. Try again."})
    return len(pks) + len(lost)


def drop_old() -> int:
    """Forget sign-ins after a day; return how many."""
    return SignIn.objects.filter(created_at__lt=timezone.now() - timedelta(days=1)).delete()[0]


def _awaited(owner: User, state: str, binding: str) -> SignIn:
    """Return the sign-in that a state belongs to, and use the state up.

    The row is taken by one UPDATE, so that of two returns with one state the second finds nothing.
    """
    words = "This answer belongs to no sign-in that is under way here. Start again from the connections page."
    found = SignIn.objects.filter(state_hash=protocol.digest(state), owner=owner, stage=SignIn.Stage.AWAY).first()
    if not state or found is None:
        raise SignInLost(words)
    bound = protocol.digest(binding) if binding else ""
    if found.binding_hash and not hmac.compare_digest(found.binding_hash, bound):
        raise SignInLost("This sign-in was begun in another browser. Start again here, or finish it there.")
    if found.created_at < timezone.now() - SIGN_IN_LIFETIME:
        raise SignInLost("That took longer than ten minutes. Start again from the connections page.")
    now = timezone.now()
    taken = SignIn.objects.filter(pk=found.pk, stage=SignIn.Stage.AWAY, back_at=None).update(back_at=now)
    if not taken:
        raise SignInLost(words)
    found.back_at = now
    return found


def _traded(sign_in: SignIn, manifest: Manifest, way: Authentication) -> dict[str, Any]:
    service = clients.token_host(manifest, way, sign_in.configuration)
    if sign_in.client is None:
        raise ValidationError({"way": clients.missing_words(manifest, service)})
    code, verifier = str(sign_in.code), str(sign_in.verifier)
    SignIn.objects.filter(pk=sign_in.pk).update(code="", verifier="")
    url = manifest.address(way.token_url, sign_in.configuration)
    try:
        return tokens.exchange_code(
            way, sign_in.client, url, code=code, redirect_uri=sign_in.redirect_uri, verifier=verifier
        )
    except protocol.TokenRefused as error:
        logger.info("sign-in %s: %s gave no token (%s)", sign_in.pk, service, error.code)
        if error.code in protocol.GRANT_REFUSED:
            words = f"{service} does not accept the answer any more. Sign in again, without taking long."
        elif error.code in _ANSWERS:
            words = _ANSWERS[error.code].format(service=service, callback=sign_in.redirect_uri)
        elif error.code in protocol.CLIENT_REFUSED:
            words = f"{service} does not accept this installation's client id and secret. Tell your admin."
        else:
            words = f"{service} gave no token ({error.code.replace('_', ' ')}). Try again in a moment."
        raise ValidationError({"__all__": words}) from error


def _provider_words(sign_in: SignIn, code: str) -> str:
    """Say an error of the service in our words; its own description is somebody else's text and is not shown."""
    service = urlsplit(sign_in.issuer).hostname or sign_in.plugin
    words = _ANSWERS.get(code, "{service} ended the sign-in without an answer. Try again, or tell your admin.")
    return words.format(service=service, callback=sign_in.redirect_uri)


def _fail(sign_in: SignIn, code: str, errors: dict[str, str]) -> SignIn:
    sign_in.stage, sign_in.error_code, sign_in.errors = SignIn.Stage.FAILED, code, errors
    sign_in.finished_at, sign_in.verifier, sign_in.code = timezone.now(), "", ""
    sign_in.save(update_fields=["stage", "error_code", "errors", "finished_at", "verifier", "code"])
    return sign_in


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def wait_for(sign_in: SignIn, wait_s: float | None = None) -> SignIn:
    """Wait until a sign-in is finished, at most as long as pages wait; one that is still away is not waited for."""
    deadline = time.monotonic() + (plugin_settings().PAGE_WAIT_S if wait_s is None else wait_s)
    pause_s = 0.05
    while sign_in.stage in {SignIn.Stage.BACK, SignIn.Stage.RUNNING} and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.25)
        sign_in.refresh_from_db()
    return sign_in
