"""The planner's page in its three views, and everything that its buttons, keys and drags do."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from coreengine.kernel.undo import tell_with_undo
from courses import marks
from courses.form_answers import back, following_page
from courses.models import Assignment, PlannerItem
from courses.module_pages import refused_words
from courses.moments import Clock
from courses.pages import clock_of
from courses.planning.counting import count_anew, count_waiting
from courses.planning.decisions import put_before, thing_of
from courses.planning.doing import column_of, do
from courses.planning.pages import Group, PlannerPage, choice_of, planner_page
from courses.planning.rows import row_of_thing
from courses.sidebar import show_in_sidebar
from courses.texts import shown_html

PARTS = {"planner": "planner"}
TEMPLATE = "courses/planner/page.html"


def _page(request: Request, query: QueryDict) -> PlannerPage:
    clock = clock_of(request.user)
    page = planner_page(request.user, clock, *choice_of(query), waiting=count_waiting(request.user, clock))
    show_in_sidebar(request, page.courses)
    return page


@require_safe
def planner(request: Request) -> HttpResponse:
    """Show what there is to do, as a list, a board or a week; the choice stands in the address."""
    return render_page(request, TEMPLATE, {"page": _page(request, request.GET)}, parts=PARTS)


def shown_query(request: Request) -> QueryDict:
    """The query of the planner that a change was made on; the browser or the form says which."""
    address = (request.htmx.current_url if request.htmx else "") or request.POST.get("next", "")
    return QueryDict(urlsplit(address).query)


def answer_planner(request: Request) -> HttpResponse:
    """Answer a change: the planner as it is then, or the way back to it."""
    if request.htmx and request.htmx.target == "planner":
        return render_page(request, TEMPLATE, {"page": _page(request, shown_query(request))}, parts=PARTS)
    return back(request, reverse("courses:planner"))


def tell(request: Request, text: str, undo: str, **more: str) -> None:
    """Say what was done, with the way back where there is one."""
    fields = {"do": undo, **more}
    tell_with_undo(request, text, url=reverse("courses:planner-act"), fields=fields, part="planner")


@require_POST
def act(request: Request) -> HttpResponse:
    """Do what a button, a key or a drag says (`do`, see `doing`); `before` puts it before another."""
    words = request.POST.get("do", "")
    if words.startswith("set-"):  # a field beside the button has the value
        verb, _, key = words.removeprefix("set-").partition(" ")
        words = f"{verb}:{request.POST.get(verb, '').strip() or ('none' if verb == 'day' else '')} {key}"
    if words.startswith("order "):
        return _order(request, words.removeprefix("order "))
    done = do(request.user, words, clock_of(request.user))
    count_anew(request.user)
    if "before" in request.POST:
        _put(request, words.rpartition(" ")[2])
    tell(request, done.text, done.undo)
    return answer_planner(request)


def _order(request: Request, key: str) -> HttpResponse:
    thing = thing_of(request.user, key)
    after = _put(request, key)
    tell(request, f"“{thing}” has another place now.", f"order {key}", before=after)
    return answer_planner(request)


def _put(request: Request, key: str) -> str:
    """Put a row before another in the list that it is shown in; return what came after it until now."""
    page = _page(request, shown_query(request))
    group = _group_of(page, key)
    keys = [row.key for row in group.rows] if group else []
    if key not in keys:
        return ""
    put_before(keys, thing_of(request.user, key), request.POST.get("before", ""), by=request.user)
    return next(iter(keys[keys.index(key) + 1 :]), "")


def _group_of(page: PlannerPage, key: str) -> Group | None:
    groups = [*page.groups, *page.loose]
    return next((group for group in groups if any(row.key == key for row in group.rows)), None)


@require_safe
def item(request: Request, key: str) -> HttpResponse:
    """Show what can be done with one thing: a page by itself, or the planner's dialog."""
    thing = thing_of(request.user, key)
    clock = clock_of(request.user)
    context: dict[str, Any] = {
        "thing": thing,
        "key": key,
        "row": row_of_thing(thing, clock),
        "column": column_of(thing),
        "days": _days(clock),
        "next": following_page(request),
    }
    if isinstance(thing, PlannerItem):
        context["details"] = shown_html(thing.details_html, thing.html_url)
        context["refused"] = refused_words(thing) if thing.write_state == "failed" else ""
    return render_page(request, "courses/planner/item.html", context, parts={"planner-dialog": "dialog"})


def _days(clock: Clock) -> list[tuple[str, str]]:
    """The days that a menu offers by name."""
    ahead = [clock.today + timedelta(days=number) for number in range(5)]
    names = ["Today", "Tomorrow", *(f"{day:%A}" for day in ahead[2:])]
    return [*zip(names, map(date.isoformat, ahead), strict=True), ("Next Monday", clock.next_monday.isoformat())]


@require_POST
def item_mark(request: Request, key: str) -> HttpResponse:
    """A mark that the source did not take: write it again, or keep it here only (`keep=1`)."""
    thing = thing_of(request.user, key)
    if isinstance(thing, Assignment | PlannerItem):
        write = marks.keep_mark_here if request.POST.get("keep") == "1" else marks.write_again
        write(thing, by=request.user)
    return back(request, reverse("courses:planner-item", args=[key]))
