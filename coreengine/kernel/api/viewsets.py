"""The base of every collection of the API."""

import hashlib
import json
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from coreengine.kernel.api.problems import problem_response
from coreengine.kernel.models import IdempotentRequest

if TYPE_CHECKING:
    from coreengine.accounts.models import User

KEY_LIFE = timedelta(days=1)


class Conventions:
    """ETag on GET, Idempotency-Key on POST and rate-limit headers; a mixin before a DRF view class."""

    # Fields of an answer that are shown once and never stored; a replayed answer has null there.
    shown_once: tuple[str, ...] = ()

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer, and put the conventions' headers on the answer."""
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if (limit := getattr(getattr(self, "request", None), "rate_limit", None)) is not None:
            for name, value in limit.headers().items():
                response[name] = value
        if request.method in {"GET", "HEAD"} and response.status_code == 200 and not response.streaming:
            self.headers_of_etag(request, response)
        return response

    def headers_of_etag(self, request: Any, response: Response) -> None:
        """Answer 304 when the client already has this very content."""
        response.render()
        etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
        if etag in known:
            response.status_code = 304
            response.content = b""

    def idempotently(self, request: Request, answer: Any, *, in_one_transaction: bool = False) -> Response:
        """Run `answer()` once per Idempotency-Key: the same key and body get the first answer again.

        The same key with another body is refused (422); while the first is being answered, 409.

        With `in_one_transaction` (for answers that only write to the database) what is done and that it was done
        are one commit: a server lost in the middle leaves the key as if it had never come, and a second request at
        the same moment waits for the first instead of being refused.
        """
        key = request.headers.get("Idempotency-Key", "").strip()
        if not key:
            return answer()
        if len(key) > 200 or not (key.isascii() and key.isprintable()):
            return problem_response(422, "An Idempotency-Key is at most 200 printable ASCII characters.")
        body = json.dumps(request.data, sort_keys=True, cls=DjangoJSONEncoder, default=str)
        fingerprint = hashlib.sha256(f"{request.method} {request.path} {body}".encode()).hexdigest()
        owner = cast("User", request.user)  # permission classes let nobody else come this far
        IdempotentRequest.objects.filter(owner=owner, key=key, created_at__lt=timezone.now() - KEY_LIFE).delete()
        with transaction.atomic() if in_one_transaction else nullcontext():
            try:
                with transaction.atomic():
                    row = IdempotentRequest.objects.create(owner=owner, key=key, fingerprint=fingerprint)
            except IntegrityError:
                return _answer_again(IdempotentRequest.objects.get(owner=owner, key=key), fingerprint)
            return self._answer_once(row, answer, is_alone=not in_one_transaction)

    def _answer_once(self, row: IdempotentRequest, answer: Any, *, is_alone: bool) -> Response:
        try:
            response = answer()
        except BaseException:
            if is_alone:
                row.delete()  # nothing was done under this key: it may be tried again
            raise
        if response.status_code < 400:
            body = json.loads(json.dumps(response.data, cls=DjangoJSONEncoder))
            row.status, row.body = (
                response.status_code,
                body | dict.fromkeys(self.shown_once) if self.shown_once else body,
            )
            row.location = response.get("Location", "")
            row.save(update_fields=["status", "body", "location"])
        else:
            row.delete()
        return response


def _answer_again(row: IdempotentRequest, fingerprint: str) -> Response:
    if row.fingerprint != fingerprint:
        return problem_response(422, "This Idempotency-Key was used for another request.", code="key_reused")
    if row.status is None:
        return problem_response(409, "The first request with this key is still being answered.", code="in_progress")
    headers = {"Location": row.location} if row.location else {}
    return Response(row.body, status=row.status, headers={**headers, "Idempotent-Replay": "true"})


class ApiView(Conventions, APIView):
    """A single address of the API, with the conventions."""


class OwnedReadViewSet(Conventions, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """A collection that its owner may list and read. Another's id is 404, like one that never was."""

    queryset: QuerySet[Any]
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.all().visible_to(self.request.user)  # type: ignore[attr-defined]


class CreateOnce(mixins.CreateModelMixin):
    """POST that creates one; with an Idempotency-Key at most once. Put it before an owned viewset."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create one."""
        return self.idempotently(  # type: ignore[attr-defined]
            request,
            lambda: super(CreateOnce, self).create(request, *args, **kwargs),  # type: ignore[attr-defined]
            in_one_transaction=True,
        )


class OwnedModelViewSet(CreateOnce, mixins.UpdateModelMixin, mixins.DestroyModelMixin, OwnedReadViewSet):
    """A collection that its owner may also change. Services write; override the `perform_…` methods."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
