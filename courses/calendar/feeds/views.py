"""Pages of feeds, and the one address that a calendar program opens without signing in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.calendar.entries import layers
from courses.calendar.feeds import services
from courses.calendar.feeds.writing import write_feed
from courses.calendar.forms import FeedForm, feed_initial
from courses.form_answers import saved_by
from courses.models import CalendarFeed
from courses.moments import Clock, ago

READS = 120
"""Readings of one feed, and wrong addresses from one place, in a window: programs ask every few minutes."""
WINDOW_S = 600


@login_not_required
@require_safe
def read(request: HttpRequest, secret: str) -> HttpResponse:
    """Give a calendar program the file. Whoever has the address may read it, and nothing else."""
    digest = CalendarFeed.digest_of(secret)
    feed = CalendarFeed.objects.usable().select_related("owner").filter(digest=digest).first()
    if _is_too_often(f"feed:{digest}" if feed else f"no-feed:{request.META.get('REMOTE_ADDR', '')}"):
        return _guarded(HttpResponse("Too often. Try again later.", status=429, headers={"Retry-After": str(WINDOW_S)}))
    if feed is None:
        raise Http404("There is no such calendar.")
    now = timezone.now()
    written = write_feed(feed, Clock(now, feed.owner.zone))
    services.note_use(feed, request.headers.get("User-Agent", ""), now)
    known = {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
    if written.etag in known:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(written.content, content_type="text/calendar; charset=utf-8")
        answer["Content-Disposition"] = 'inline; filename="calendar.ics"'
    answer["ETag"] = written.etag
    return _guarded(answer)


def _guarded(answer: HttpResponse) -> HttpResponse:
    """Keep the secret in the address from caches, search engines and other sites."""
    answer["Cache-Control"] = "private, no-cache"
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _is_too_often(name: str) -> bool:
    key = f"calendar-{name}"
    if cache.add(key, 1, WINDOW_S):
        return False
    try:
        return cache.incr(key) > READS
    except ValueError:  # it ran out between the two
        return False


def address_of(secret: str) -> str:
    """Give the whole address of a feed, as it is shown once."""
    return f"{settings.SITE_URL.rstrip('/')}{reverse('courses:calendar-feed', args=[secret])}"


@require_safe
def feed_list(request: Request) -> HttpResponse:
    """List the feeds, and say how to add one to a calendar program."""
    secret = request.session.pop("new_feed_secret", "")
    now = timezone.now()
    titles = {layer.key: layer.label for layer in layers()}
    feeds = CalendarFeed.objects.visible_to(request.user).usable().select_related("course")
    lines = [
        {
            "feed": feed,
            "what": ", ".join(titles.get(key, key) for key in feed.layers) or "Everything",
            "used": f"read {ago(feed.last_used_at, now)} by {feed.last_used_by or 'a program'}"
            if feed.last_used_at
            else "not read yet",
        }
        for feed in feeds.defer("course__search_vector", "course__syllabus_html", "course__notes")
    ]
    address = address_of(secret) if secret else ""
    webcal = f"webcal://{address.partition('://')[2]}" if address else ""
    context = {"lines": lines, "new_address": address, "webcal": webcal}
    answer = render_page(request, "calendar/feeds.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def feed_create(request: Request) -> HttpResponse:
    """Make a secret address; the list shows it once."""
    form = FeedForm(request.POST or None, initial=feed_initial(None), owner=request.user)
    if request.method == "POST" and form.is_valid():
        made = saved_by(form, lambda: services.create_feed(request.user, by=request.user, **form.values()))
        if made is not None:
            request.session["new_feed_secret"] = made[1]
            return redirect("courses:calendar-feeds")
    status = 422 if form.errors else 200
    return render_page(request, "calendar/feed_form.html", {"form": form, "feed": None}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def feed_edit(request: Request, pk: int) -> HttpResponse:
    """Change what is in a feed."""
    feed = get_object_or_404(CalendarFeed.objects.editable_by(request.user).usable(), pk=pk)
    form = FeedForm(request.POST or None, initial=feed_initial(feed), owner=request.user)
    if request.method == "POST" and form.is_valid():
        saved = saved_by(form, lambda: services.update_feed(feed, by=request.user, changes=form.values()))
        if saved is not None:
            messages.success(request, "Saved. Programs have it with their next reading.")
            return redirect("courses:calendar-feeds")
    status = 422 if form.errors else 200
    return render_page(request, "calendar/feed_form.html", {"form": form, "feed": feed}, status=status)


@require_POST
def feed_rotate(request: Request, pk: int) -> HttpResponse:
    """Give a feed a new address, shown once."""
    feed = get_object_or_404(CalendarFeed.objects.editable_by(request.user).usable(), pk=pk)
    _, request.session["new_feed_secret"] = services.rotate_feed(feed, by=request.user)
    return redirect("courses:calendar-feeds")


@require_POST
def feed_revoke(request: Request, pk: int) -> HttpResponse:
    """Take an address back."""
    feed = get_object_or_404(CalendarFeed.objects.editable_by(request.user).usable(), pk=pk)
    services.revoke_feed(feed, by=request.user)
    messages.success(request, f"The address of “{feed.name}” opens nothing any more.")
    return redirect("courses:calendar-feeds")
