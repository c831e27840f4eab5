"""The page of a course, and the small changes made on it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.models import Event
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses import services
from courses.course_page.activity import undoable
from courses.course_page.forms import AiPolicyForm, NewNoteForm, NotesForm, PersonForm
from courses.course_page.tabs import part_of, read_course, tab_links, with_counts
from courses.form_answers import form_page, number, saved_by
from courses.models import AiPolicy, Assignment, Course, CoursePerson
from courses.pages import clock_of
from courses.people.services import add_person, remove_person, restore_person, update_person
from resources.models import Resource


@require_safe
def course_detail(request: Request, pk: int) -> HttpResponse:
    """Show one course: the overview, or the part that `?part=` names."""
    course = read_course(request.user, pk)
    if course is None:
        raise Http404("There is no such course.")
    if course.same_as_id is not None:
        return redirect("courses:detail", course.same_as_id)
    return part_page(request, course, request.GET.get("part", ""))


def part_page(
    request: Request, course: Course, key: str, extra: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Answer with one part of a course's page; `extra` adds to what it shows, such as a form with errors."""
    clock, part = clock_of(request.user), part_of(key)
    assert part.context is not None
    context = {
        "course": course,
        "part": part,
        "tabs": tab_links(course, part.key),
        "is_concluded": course.is_concluded(clock.now),
        "deleted": _deleted(request, course),
        "offered_back": offered_back(request, course),
        **part.context(request, course, clock),
        **(extra or {}),
    }
    return render_page(request, "courses/detail.html", context, parts={"course-body": "body"}, status=status)


def _deleted(request: Request, course: Course) -> Assignment | None:
    """Find the work that was just deleted (`?deleted=ID`), so that the page can offer it back."""
    pk = request.GET.get("deleted", "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return Assignment.objects.restorable_by(request.user).filter(course=course, pk=pk).first()


def part_url(course: Course, key: str) -> str:
    return f"{course.get_absolute_url()}?part={key}"


def _editable(request: Request, pk: int) -> Course:
    own = Course.objects.editable_by(request.user).select_related("term", "owner").defer("search_vector")
    return get_object_or_404(with_counts(own, request.user), pk=pk)


@require_POST
def course_notes(request: Request, pk: int) -> HttpResponse:
    """Save the notes of a course, where they stand."""
    course = _editable(request, pk)
    form = NotesForm(request.POST)
    if form.is_valid() and saved_by(
        form, lambda: services.update_course(course, by=request.user, changes={"notes": form.cleaned_data["notes"]})
    ):
        messages.success(request, "Your notes are saved.")
        return redirect(part_url(course, "notes"))
    return part_page(request, course, "notes", {"form": form, "edits": True}, status=422)


@require_POST
def course_note_create(request: Request, pk: int) -> HttpResponse:
    """Write a note into the vault and attach it to the course."""
    course = _editable(request, pk)
    form = NewNoteForm(request.POST)
    if form.is_valid():
        note = saved_by(form, lambda: services.write_course_note(course, by=request.user, **form.cleaned_data))
        if note:
            return redirect("resources:edit", pk=note.pk)
    return part_page(request, course, "notes", {"note_form": form}, status=422)


@require_POST
def course_attach(request: Request, pk: int) -> HttpResponse:
    """Attach a thing of the vault (`resource`) on the course's own page, and come back to it."""
    course = _editable(request, pk)
    resource = get_object_or_404(Resource.objects.editable_by(request.user).kept(), pk=number(request, "resource"))
    services.attach_resource(course, resource, by=request.user)
    messages.success(request, f"“{resource.title}” is attached.")
    return redirect(part_url(course, "notes" if resource.kind == Resource.Kind.NOTE else "resources"))


@require_http_methods(["GET", "HEAD", "POST"])
def ai_policy(request: Request, pk: int) -> HttpResponse:
    """Note what a course allows of AI, in whose words, and where that is stated."""
    course = _editable(request, pk)
    names = ("ai_policy", "ai_policy_text", "ai_policy_where")
    form = AiPolicyForm(request.POST or None, initial={name: getattr(course, name) for name in names})
    if request.method == "POST" and form.is_valid():
        changes = {**form.cleaned_data, "ai_policy": form.cleaned_data["ai_policy"] or AiPolicy.UNSTATED}
        if saved_by(form, lambda: services.update_course(course, by=request.user, changes=changes)):
            messages.success(request, "The policy on AI is noted. Agents keep to it.")
            return redirect(course)
    return form_page(request, "courses/ai_policy_form.html", form, {"course": course})


@require_http_methods(["GET", "HEAD", "POST"])
def person_create(request: Request, pk: int) -> HttpResponse:
    """Add a contact to a course."""
    course = _editable(request, pk)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = saved_by(form, lambda: add_person(course, by=request.user, **form.cleaned_data))
        if person is not None:
            messages.success(request, f"{form.cleaned_data['name']} is among the people of {course.title}.")
            return redirect(part_url(course, "people"))
    return form_page(request, "courses/person_form.html", form, {"course": course, "person": None})


@require_http_methods(["GET", "HEAD", "POST"])
def person_edit(request: Request, pk: int) -> HttpResponse:
    """Change a contact, or write office hours and notes on somebody whom the source names."""
    person = get_object_or_404(CoursePerson.objects.editable_by(request.user).select_related("course"), pk=pk)
    form = PersonForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        changed = saved_by(form, lambda: update_person(person, by=request.user, changes=form.cleaned_data))
        if changed is not None:
            messages.success(request, "Saved.")
            return redirect(part_url(person.course, "people"))
    return form_page(request, "courses/person_form.html", form, {"course": person.course, "person": person})


@require_POST
def person_remove(request: Request, pk: int) -> HttpResponse:
    """Take a contact away, and offer them back."""
    person = get_object_or_404(CoursePerson.objects.editable_by(request.user).select_related("course"), pk=pk)
    event = remove_person(person, by=request.user)
    return redirect(f"{part_url(person.course, 'people')}&undo={event.pk}")


@require_POST
def person_restore(request: Request, pk: int) -> HttpResponse:
    """Bring back a contact that was taken away (`undo`: the id of what happened)."""
    course = _editable(request, pk)
    event = get_object_or_404(undoable(request.user, course, "course.person_removed"), pk=number(request, "undo"))
    person = restore_person(course, event, by=request.user)
    messages.success(request, f"{person.name} is back.")
    return redirect(part_url(course, "people"))


def offered_back(request: Request, course: Course) -> Event | None:
    """What the page offers to bring back (`?undo=ID`)."""
    pk = request.GET.get("undo", "")
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return undoable(request.user, course, "course.person_removed", "course.group_deleted").filter(pk=pk).first()
