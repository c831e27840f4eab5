"""Making the addresses under which others read a student's calendar, renewing them and taking them back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.calendar.rules import check_feed
from courses.importing.compare import apply, differences
from courses.models import CalendarFeed

MOST_FEEDS = 50
FIELDS = {"name", "course", "layers", "alarms"}
NOTE_USE_EVERY = timedelta(minutes=10)
READERS = [
    ("google", "Google Calendar"), ("outlook", "Outlook"), ("microsoft", "Outlook"), ("exchange", "Outlook"),
    ("thunderbird", "Thunderbird"), ("davx", "DAVx⁵"), ("icsx", "ICSx⁵"), ("iphone", "iPhone"), ("ios/", "iPhone"),
    ("ipad", "iPad"), ("mac", "Apple Calendar"), ("dataaccessd", "Apple Calendar"), ("core-engine", "Core Engine"),
]  # fmt: skip


@transaction.atomic
def create_feed(owner: User, *, by: User, **values: Any) -> tuple[CalendarFeed, str]:
    """Make a secret address; the secret in the answer is never seen again.

    Raises:
        ValidationError: by field.
    """
    if CalendarFeed.objects.visible_to(owner).usable().count() >= MOST_FEEDS:
        raise ValidationError(f"You have {MOST_FEEDS} feeds, which is the most there can be. Take one back first.")
    check_feed({"name": "", **values})
    secret = CalendarFeed.new_secret()
    feed = CalendarFeed(owner=owner, digest=CalendarFeed.digest_of(secret), hint=secret[-4:])
    apply(feed, _plain(owner, values))
    feed.full_clean(exclude=["owner", "course"])
    feed.save()
    record("calendar_feed.created", actor=by, subject=feed, owner=owner, data=_facts(feed))
    return feed, secret


@transaction.atomic
def update_feed(feed: CalendarFeed, *, by: User, changes: dict[str, Any]) -> CalendarFeed:
    """Change what is in a feed; its address stays.

    Raises:
        ValidationError: by field.
    """
    feed = _locked(feed)
    check_feed(changes)
    values = _plain(feed.owner, changes)
    found = differences(feed, values)
    if found:
        apply(feed, values)
        feed.full_clean(exclude=["owner", "course"])
        feed.save(update_fields=[*found, "updated_at"])
        data = {**_facts(feed), "fields": sorted(found)}
        record("calendar_feed.updated", actor=by, subject=feed, owner=feed.owner, data=data)
    return feed


@transaction.atomic
def rotate_feed(feed: CalendarFeed, *, by: User) -> tuple[CalendarFeed, str]:
    """Give a feed a new address; the old one opens nothing from now on."""
    feed = _locked(feed)
    secret = CalendarFeed.new_secret()
    feed.digest, feed.hint = CalendarFeed.digest_of(secret), secret[-4:]
    feed.last_used_at, feed.last_used_by = None, ""
    feed.save(update_fields=["digest", "hint", "last_used_at", "last_used_by", "updated_at"])
    record("calendar_feed.rotated", actor=by, subject=feed, owner=feed.owner, data=_facts(feed))
    return feed, secret


@transaction.atomic
def revoke_feed(feed: CalendarFeed, *, by: User) -> CalendarFeed:
    """Take a feed's address back for good. Doing it twice is harmless."""
    feed = _locked(feed)
    if feed.revoked_at is None:
        feed.revoked_at = timezone.now()
        feed.save(update_fields=["revoked_at", "updated_at"])
        record("calendar_feed.revoked", actor=by, subject=feed, owner=feed.owner, data=_facts(feed))
    return feed


def note_use(feed: CalendarFeed, agent: str, now: datetime) -> None:
    """Remember when a feed was read last and by what, at most every ten minutes."""
    reader = next((name for word, name in READERS if word in agent.lower()), agent.split("/")[0][:80])
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - NOTE_USE_EVERY) | ~Q(last_used_by=reader)
    CalendarFeed.objects.filter(stale, pk=feed.pk).update(last_used_at=now, last_used_by=reader)


def _plain(owner: User, values: dict[str, Any]) -> dict[str, Any]:
    found = {name: values[name] for name in FIELDS & values.keys()}
    if "name" in found:
        found["name"] = found["name"].strip()
    if "course" in found:
        course = found.pop("course")
        if course is not None and course.owner_id != owner.pk:
            raise ValidationError({"course": "There is no such course among yours."})
        found["course_id"] = course.pk if course is not None else None
    return found


def _locked(feed: CalendarFeed) -> CalendarFeed:
    return CalendarFeed.objects.select_for_update(of=("self",)).select_related("owner").get(pk=feed.pk)


def _facts(feed: CalendarFeed) -> dict[str, Any]:
    return {"name": feed.name, "course": feed.course_id, "hint": feed.hint}
