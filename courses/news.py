"""What is new: announcements and changes in one stream, what came since the last visit first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.changes import WINDOW, Change, changes_of, read_recent
from courses.models import Announcement, DashboardVisit
from courses.moments import Clock, ago, short_date

EVENTS_READ = 60
ANNOUNCEMENTS_READ = 8
NEW_SHOWN, EARLIER_SHOWN = 8, 4
# An announcement that a new source brings along is news only if it was posted lately.
STILL_NEWS = timedelta(days=2)


@dataclass(frozen=True)
class StreamLine:
    """One line of the stream; `course` and `hue` stand with announcements."""

    change: Change
    time: datetime
    is_new: bool
    course: str = ""
    hue: int = 0


@dataclass(frozen=True)
class Stream:
    """The lines that are new since `since` (None: nobody has looked before), and some of those before."""

    title: str
    since: datetime | None
    new: list[StreamLine]
    earlier: list[StreamLine]
    more_new: int


def build_stream(user: User, clock: Clock) -> Stream:
    """Gather the stream in three queries. Where the student has never looked before, nothing is new."""
    visit = next(iter(_VISITS.objects(owner=user.pk)), None)
    since = visit.news_since(clock.now) if visit else None
    events = read_recent(user, clock.now - WINDOW, limit=EVENTS_READ)
    times = {event.pk: event.time for event in events}
    lines = []
    for change in changes_of(events, clock):
        time = times[change.event]
        lines.append(StreamLine(change, time, since is not None and time > since))
    for row in _ANNOUNCEMENTS.objects(owner=user.pk, now=clock.now):
        change = Change("megaphone", row.title, row.get_absolute_url(), "", "", "", ago(row.posted_at, clock.now))
        is_new = since is not None and row.created_at > since and row.posted_at > since - STILL_NEWS
        lines.append(StreamLine(change, row.posted_at, is_new, row.course.title, row.course.hue))
    lines.sort(key=lambda line: line.time, reverse=True)
    new = [line for line in lines if line.is_new]
    earlier = [line for line in lines if not line.is_new]
    shown = min(len(new), NEW_SHOWN)
    return Stream(
        title=f"New since {_since_words(since, clock)}" if since else "What’s new",
        since=since,
        new=new[:shown],
        earlier=earlier[: max(EARLIER_SHOWN, NEW_SHOWN - shown - EARLIER_SHOWN)],
        more_new=len(new) - shown,
    )


def _announcements(owner: int, now: datetime) -> QuerySet[Announcement]:
    own = Announcement.objects.visible_to(owner_with(owner)).shown_once().in_active_courses(now)
    columns = ("title", "posted_at", "created_at", "course__name", "course__nickname", "course__hue")
    return own.select_related("course").only(*columns).newest_first()[:ANNOUNCEMENTS_READ]


_ANNOUNCEMENTS = KeptQuery(_announcements, owner=int, now=datetime)


def _visits(owner: int) -> QuerySet[DashboardVisit]:
    return DashboardVisit.objects.filter(owner_id=owner)


_VISITS = KeptQuery(_visits, owner=int)


def _since_words(since: datetime, clock: Clock) -> str:
    """ "09:10", "yesterday", "Friday", "3 Nov"."""
    day = clock.day_of(since)
    distance = (clock.today - day).days
    if distance <= 0:
        return f"{since.astimezone(clock.zone):%H:%M}"
    return "yesterday" if distance == 1 else f"{day:%A}" if distance < 7 else short_date(day)
