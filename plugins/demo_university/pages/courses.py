"""The courses as pages, so that every link which the API gives leads somewhere."""

from __future__ import annotations

from datetime import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..rest.shapes import grade_of
from ..semester import Assignment, Course
from ..semester.build import ZONE
from ..semester.grades import course_score, letter
from .layout import is_signed_in, page, refusal, to_login, university_of


def when(moment: datetime | None) -> str:
    if moment is None:
        return "no date"
    local = moment.astimezone(ZONE)
    return f'<time datetime="{moment.isoformat()}">{local:%a} {local.day} {local:%b}, {local:%H:%M}</time>'


def status_of(assignment: Assignment) -> str:
    """Where the student stands with it, as a coloured word."""
    made = assignment.submission
    if made.excused:
        return '<span class="tag">excused</span>'
    if made.visible_score is not None:
        grade = grade_of(assignment) or ""
        shown = grade if assignment.grading_type == "pass_fail" else f"{grade} / {assignment.points:g}"
        return f'<span class="tag good">{escape(shown)}</span>'
    if made.state in ("submitted", "pending_review"):
        return f'<span class="tag info">submitted{", late" if made.late else ""}</span>'
    if made.missing:
        return '<span class="tag bad">missing</span>'
    return '<span class="tag">open</span>'


def _missing(request: Request) -> Response:
    return refusal(request, "Nothing here", "The university has no such page (any more).", 404)


def _course(request: Request) -> Course | None:
    return university_of(request).semester.course(request.path_params["course_id"])


def _crumbs(course: Course) -> str:
    link = f'<a href="/courses/{course.id}">{escape(course.name)}</a>'
    return f'<p class="crumbs"><a href="/courses">Courses</a> › {link}</p>'


async def course_list(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    semester = university_of(request).semester
    rows = ""
    for n, course in enumerate(semester.courses):
        score = course_score(course, final=False)
        grade = f"{letter(score)} · {score:g} %" if score is not None else "no grade yet"
        rows += (
            f'<li><a class="course hue-{n}" href="/courses/{course.id}"><small>{escape(course.code)}</small>'
            f"<strong>{escape(course.name)}</strong><span>{escape(', '.join(course.teachers))}</span>"
            f"<span>{grade}</span></a></li>"
        )
    head = f'<header class="page-head"><h1>Courses</h1><p>{escape(semester.name)}</p></header>'
    body = f'{head}<ul class="courses">{rows}</ul>'
    return page(request, "Courses", body, current="/courses")


async def course_page(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    course = _course(request)
    if course is None:
        return _missing(request)
    base = f"/courses/{course.id}"
    work = "".join(
        f'<tr><th scope="row"><a href="{base}/assignments/{found.id}">{escape(found.name)}</a></th>'
        f"<td>{escape(found.group.name)}</td><td>{when(found.due_at)}</td><td>{status_of(found)}</td></tr>"
        for found in course.assignments
    )
    news = "".join(
        f'<li><a href="{base}/discussion_topics/{found.id}">{escape(found.title)}</a> {when(found.posted_at)}</li>'
        for found in sorted(course.announcements, key=lambda found: found.posted_at, reverse=True)
    )
    modules = "".join(
        f"<li><strong>{escape(found.name)}</strong> <span class=tag>{found.state}</span><ul>"
        + "".join(f'<li><a href="{base}/modules/items/{item.id}">{escape(item.title)}</a></li>' for item in found.items)
        + "</ul></li>"
        for found in course.modules
    )
    files = "".join(
        f'<li><a href="{base}/files/{found.id}">{escape(found.name)}</a> <small>{escape(found.folder)}</small></li>'
        for found in course.files
    )
    body = f"""
<header class="page-head"><p class="crumbs"><a href="/courses">Courses</a></p><h1>{escape(course.name)}</h1>
<p>{escape(course.code)} · {escape(", ".join(course.teachers))}</p></header>
<section class="card prose">{course.syllabus}</section>
<section class="card" id="assignments"><h2 id="work">Assignments</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="work"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Group</th><th scope="col">Due</th><th scope="col">State</th></tr>
</thead>
<tbody>{work}</tbody></table></div></section>
<div class="columns"><section class="card"><h2>Announcements</h2><ul class="plain">{news}</ul></section>
<section class="card"><h2>Files</h2><ul class="plain">{files}</ul></section></div>
<section class="card"><h2>Modules</h2><ul class="plain">{modules}</ul></section>"""
    return page(request, course.name, body, current="/courses")


async def assignment_page(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    course = _course(request)
    number = request.path_params["assignment_id"]
    found = next((entry for entry in course.assignments if entry.id == number), None) if course else None
    if course is None or found is None:
        return _missing(request)
    made = found.submission
    handed_in = f"<dt>Handed in</dt><dd>{when(made.submitted_at)}</dd>" if made.submitted_at else ""
    body = f"""{_crumbs(course)}
<header class="page-head"><h1>{escape(found.name)}</h1></header>
<section class="card"><dl class="facts"><dt>Due</dt><dd>{when(found.due_at)}</dd>
<dt>Points</dt><dd>{found.points:g}</dd><dt>Group</dt><dd>{escape(found.group.name)}</dd>
<dt>State</dt><dd>{status_of(found)}</dd>{handed_in}</dl></section>
<section class="card prose">{found.description}</section>"""
    return page(request, found.name, body, current="/courses")


async def announcement_page(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    course = _course(request)
    number = request.path_params["announcement_id"]
    found = next((entry for entry in course.announcements if entry.id == number), None) if course else None
    if course is None or found is None:
        return _missing(request)
    body = f"""{_crumbs(course)}
<header class="page-head"><h1>{escape(found.title)}</h1><p>{escape(found.author)} · {when(found.posted_at)}</p></header>
<section class="card prose">{found.message}</section>"""
    return page(request, found.title, body, current="/courses")


async def file_page(request: Request) -> Response:
    """Straight to the download, as a browser on Canvas would end up."""
    if not is_signed_in(request):
        return to_login(request)
    university = university_of(request)
    course = _course(request)
    number = request.path_params["file_id"]
    found = next((entry for entry in course.files if entry.id == number), None) if course else None
    if found is None or found.locked:
        return _missing(request)
    verifier = university.sign("file", found.id, found.revision)
    return RedirectResponse(f"/files/{found.id}/download?verifier={verifier}", 303)


async def module_item(request: Request) -> Response:
    course = _course(request)
    number = request.path_params["item_id"]
    items = [item for module in course.modules for item in module.items if item.id == number] if course else []
    if course is None or not items:
        return _missing(request)
    item = items[0]
    base = f"/courses/{course.id}"
    if item.external_url:
        return RedirectResponse(item.external_url, 303)
    if item.page_url:
        return RedirectResponse(f"{base}/pages/{item.page_url}", 303)
    if item.type == "SubHeader":
        return RedirectResponse(base, 303)
    quiz = next((found for found in course.assignments if found.quiz_id and found.quiz_id == item.content_id), None)
    kind = "files" if item.type == "File" else "assignments"
    return RedirectResponse(f"{base}/{kind}/{quiz.id if quiz else item.content_id}", 303)


async def wiki_page(request: Request) -> Response:
    if not is_signed_in(request):
        return to_login(request)
    course = _course(request)
    found = next((entry for entry in course.pages if entry.url == request.path_params["url"]), None) if course else None
    if course is None or found is None:
        return _missing(request)
    body = f"""{_crumbs(course)}<header class="page-head"><h1>{escape(found.title)}</h1></header>
<section class="card prose">{found.body}</section>"""
    return page(request, found.title, body, current="/courses")


async def to_course(request: Request) -> Response:
    """Places of a real Canvas that the course's page shows here: grades, people."""
    return RedirectResponse(f"/courses/{request.path_params['course_id']}#assignments", 303)
