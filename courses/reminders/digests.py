"""Sending digests: one for each slot, late rather than never, and never an empty one."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery
from coreengine.kernel.events import record
from coreengine.kernel.mail import queue_email
from coreengine.kernel.notifications import address_of
from courses.models.reminders import DigestSlot, ReminderSettings
from courses.moments import Clock
from courses.reminders.digest_content import Digest, build_digest
from courses.reminders.services import plan_digests, settings_of
from courses.reminders.times import WEEKDAYS, last_slot
from courses.reminders.unsubscribing import unsubscribe_path

logger = logging.getLogger(__name__)

FURTHEST = {"daily": timedelta(days=7), "weekly": timedelta(days=14)}
"""How far back a digest looks at most, after a long time away."""
USUAL = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
LATE = timedelta(minutes=30)
RETRY = timedelta(minutes=10)

State = DigestSlot.State


def send_due_digests(*, now: datetime | None = None, limit: int = 200) -> int:
    """Send the digests that are due; return how many mails went to the outbox."""
    now, sent = now or timezone.now(), 0
    due = ReminderSettings.objects.filter(Q(next_daily_at__lte=now) | Q(next_weekly_at__lte=now), owner__is_active=True)
    for owner_id in due.values_list("owner_id", flat=True)[:limit]:
        try:
            sent += send_digests_of(owner_id, now=now)
        except Exception:
            # One student's fault must not keep everyone else's digests.
            logger.exception("the digest of %s could not be made", owner_id)
            later = ReminderSettings.objects.filter(owner_id=owner_id)
            later.filter(next_daily_at__lte=now).update(next_daily_at=now + RETRY)
            later.filter(next_weekly_at__lte=now).update(next_weekly_at=now + RETRY)
    return sent


@transaction.atomic
def send_digests_of(owner_id: int, *, now: datetime) -> int:
    """Send one student the digests that are due; 0 where another worker is at it or nothing is to be said.

    Slots that were missed while no worker ran are one digest. Where the weekly one is due with the daily one, it
    stands for both.
    """
    rows = ReminderSettings.objects.select_for_update(skip_locked=True, of=("self",)).select_related("owner")
    row = rows.filter(owner_id=owner_id).first()
    if row is None:
        return 0
    weekly = row.next_weekly_at is not None and row.next_weekly_at <= now
    daily = row.next_daily_at is not None and row.next_daily_at <= now
    sent = False
    if weekly:
        sent = _settle(row, "weekly", last_slot(now, row.weekly_at, [row.weekly_day], row.owner.zone), now)
    if daily:
        slot = last_slot(now, row.daily_at, row.daily_days, row.owner.zone)
        sent = _settle(row, "daily", slot, now, is_folded=sent) or sent
    plan_digests(row, now)
    row.save(update_fields=["next_daily_at", "next_weekly_at"])
    return int(sent)


def _settle(row: ReminderSettings, kind: str, slot_at: datetime, now: datetime, *, is_folded: bool = False) -> bool:
    """Decide one slot, once; say whether a mail went out."""
    day = slot_at.astimezone(row.owner.zone).date()
    since = _since(row.owner, kind, now)
    slot, is_new = DigestSlot.objects.get_or_create(
        owner=row.owner,
        kind=kind,
        day=day,
        defaults={"due_at": slot_at, "since": since, "state": State.FOLDED, "made_at": now},
    )
    if not is_new or is_folded:
        return False
    digest = build_digest(row.owner, kind=kind, since=since, clock=Clock(now, row.owner.zone))
    slot.state, slot.counts = State.EMPTY if digest.is_empty else State.SENT, digest.counts
    slot.save(update_fields=["state", "counts"])
    if digest.is_empty:
        return False
    mail_digest(
        row.owner, digest, key=f"digest:{slot.pk}", late_since=slot_at if now - slot_at > LATE else None, now=now
    )
    data = {"kind": kind, "day": day.isoformat(), "counts": digest.counts}
    record("digest.sent", actor=None, subject=slot, owner=row.owner, data=data)
    return True


def _since(owner: User, kind: str, now: datetime) -> datetime:
    """When the last digest of this kind was made, which this one goes on from."""
    last = next((made_at for (made_at,) in _LAST.rows(owner=owner.pk, kind=kind)), None)
    return max(last or now - USUAL[kind], now - FURTHEST[kind])


def _last(owner: int, kind: str) -> QuerySet[Any]:
    return DigestSlot.objects.filter(owner_id=owner, kind=kind).order_by("-made_at").values_list("made_at")[:1]


_LAST = KeptQuery(_last, owner=int, kind=str)


def preview_digest(owner: User, *, kind: str, now: datetime | None = None) -> Digest:
    """Build the digest as it would be now; sends and remembers nothing."""
    now = now or timezone.now()
    return build_digest(owner, kind=kind, since=_since(owner, kind, now), clock=Clock(now, owner.zone))


@transaction.atomic
def send_digest_now(owner: User, *, kind: str, by: Any, key: str | None = None, now: datetime | None = None) -> Digest:
    """Mail a digest now, beside its slots; one with nothing to say is not mailed. The same `key` mails it once."""
    now = now or timezone.now()
    digest = preview_digest(owner, kind=kind, now=now)
    if not digest.is_empty:
        mail_digest(owner, digest, key=key, late_since=None, now=now)
        row = settings_of(owner)
        record("digest.sent", actor=by, subject=row, owner=owner, data={"kind": kind, "counts": digest.counts})
    return digest


def mail_digest(owner: User, digest: Digest, *, key: str | None, late_since: datetime | None, now: datetime) -> None:
    """Put a digest into the outbox, as text and as HTML, with the way out of it in the mail and in its headers."""
    context = digest_context(owner, digest, late_since=late_since, now=now)
    way_out = context["unsubscribe_url"]
    one_click = {
        "List-Unsubscribe": f"<{way_out}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    queue_email(
        to=owner.email,
        subject=digest.subject,
        body=render_to_string("emails/courses/digest.txt", context),
        html=render_to_string("emails/courses/digest.html", context),
        owner=owner,
        idempotency_key=key,
        headers=one_click if way_out else {},
    )


def digest_context(owner: User, digest: Digest, *, late_since: datetime | None, now: datetime) -> dict[str, Any]:
    """What the templates of the mail need; addresses are whole, as a mail has no page around it."""
    local = late_since.astimezone(owner.zone) if late_since else None
    return {
        "digest": digest,
        "site": address_of("").rstrip("/"),
        "late": f"{WEEKDAYS[local.weekday()]} at {local:%H:%M}" if local else "",
        "settings_url": address_of("/settings/reminders/"),
        "unsubscribe_url": address_of(unsubscribe_path(owner, digest.kind)),
    }
