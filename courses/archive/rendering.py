"""The pages of an archive: they need no site, no script and no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

from coreengine.kernel.texts import markdown_html, size_words
from courses.archive.content import local
from courses.models import AiPolicy, CoursePerson, Submission
from courses.texts import shown_html

STYLES = ("css/tokens.css", "css/archive.css")
TEMPLATES = {
    "index": "course.html",
    "assignments": "assignments.html",
    "announcements": "announcements.html",
    "files": "files.html",
}
PAGES = (("index", "Overview"), ("assignments", "Assignments"), ("announcements", "Announcements"), ("files", "Files"))


def style_sheet() -> str:
    """The style of the pages, in one file."""
    texts = []
    for name in STYLES:
        path = finders.find(name)
        if path is None:
            raise FileNotFoundError(name)
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    return "\n".join(texts)


def index_page(title: str, courses: Sequence[dict[str, Any]], facts: dict[str, Any]) -> str:
    """The page that opens the archive: the courses by term."""
    terms: dict[str, list[dict[str, Any]]] = {}
    for course in courses:
        terms.setdefault(course["term"] or "No term", []).append(course)
    return render_to_string("courses/archive_pages/index.html", {"title": title, "terms": terms.items(), **facts})


def course_pages(data: dict[str, Any], *, title: str, zone: ZoneInfo, made_at: datetime) -> dict[str, str]:
    """The pages of one course by name: index, assignments, announcements, files."""
    course = data["course"]
    shared = {
        "course": course,
        "archive": title,
        "made_at": local(made_at.isoformat(), zone),
        "pages": PAGES,
        "counts": {
            "assignments": len(data["assignments"]),
            "announcements": len(data["announcements"]),
            "files": len(data["resources"]),
        },
    }
    contexts: dict[str, dict[str, Any]] = {
        "index": _overview(data, zone),
        "assignments": {"groups": _groups(data, zone)},
        "announcements": {"news": [_news(each, course, zone) for each in data["announcements"]]},
        "files": {"things": [_thing(each) for each in data["resources"]]},
    }
    return {
        name: render_to_string(f"courses/archive_pages/{TEMPLATES[name]}", {**shared, "here": name, **context})
        for name, context in contexts.items()
    }


def _overview(data: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    course = data["course"]
    policy = course["ai_policy"]
    facts = [
        ("Code", course["code"]),
        ("Term", course["term"]),
        ("Begins", local(course["starts_at"], zone)),
        ("Ends", local(course["ends_at"], zone)),
        ("Use of AI", AiPolicy(policy["policy"]).label if policy["policy"] != AiPolicy.UNSTATED else ""),
    ]
    return {
        "facts": [(label, value) for label, value in facts if value],
        "policy_html": markdown_html(policy["text"]),
        "syllabus": shown_html(course["syllabus_html"], course["html_url"]),
        "notes": markdown_html(course["notes_markdown"]),
        "people": [
            {**each, "role": CoursePerson.Role(each["role"]).label, "notes": markdown_html(each["notes"])}
            for each in data["people"]
        ],
        "grades": data["grades"],
        "modules": data["modules"],
        "names": {each["id"]: each["name"] for each in data["assignments"]},
    }


def _groups(data: dict[str, Any], zone: ZoneInfo) -> list[dict[str, Any]]:
    weights = {group["name"]: group["weight"] for group in data["groups"]}
    groups: dict[str, dict[str, Any]] = {
        group["name"]: {"name": group["name"], "weight": group["weight"], "works": []} for group in data["groups"]
    }
    for work in data["assignments"]:
        name = work["group"] or "Other work"
        group = groups.setdefault(name, {"name": name, "weight": weights.get(name), "works": []})
        group["works"].append(_work(work, data["course"], zone))
    return [group for group in groups.values() if group["works"]]


def _work(work: dict[str, Any], course: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    submission = work["submission"]
    words = []
    if submission:
        words.append(Submission.State(submission["state"]).label)
        words += [word for word in ("late", "missing", "excused") if submission[word]]
        if submission["submitted_at"]:
            words.append(f"handed in {local(submission['submitted_at'], zone)}")
    if work["is_dropped"]:
        words.append("dropped")
    return {
        **work,
        "due": local(work["due_at"], zone),
        "score": _score(work),
        "words": ", ".join(words),
        "description": shown_html(work["description_html"], work["html_url"] or course["html_url"]),
        "notes": markdown_html(work["notes_markdown"]),
        "feedback": [{**each, "at": local(each["written_at"], zone)} for each in work["feedback"]],
    }


def _score(work: dict[str, Any]) -> str:
    submission, points = work["submission"], work["points_possible"]
    if not submission or (submission["score"] is None and not submission["grade"]):
        return f"– of {points:g}" if points else ""
    if submission["score"] is None:
        return submission["grade"]
    return f"{submission['score']:g} of {points:g}" if points else f"{submission['score']:g}"


def _news(each: dict[str, Any], course: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {
        **each,
        "at": local(each["posted_at"], zone),
        "message": shown_html(each["message_html"], each["html_url"] or course["html_url"]),
    }


def _thing(each: dict[str, Any]) -> dict[str, Any]:
    # Pages lie beside the folder of files: the path in the archive begins with the course's own folder.
    inside = each["path"].partition("/")[2].partition("/")[2] if each["path"] else ""
    return {
        **each,
        "href": quote(inside),
        "size": size_words(each["size_bytes"]),
        "body": markdown_html(each["markdown"]),
    }
