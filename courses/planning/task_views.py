"""Pages of own tasks: one line, the whole form, one task with its subtasks."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.form_answers import back, following_page
from courses.models import Course, OwnTask
from courses.moments import day_of_text
from courses.pages import clock_of
from courses.planning import services
from courses.planning.counting import count_anew
from courses.planning.decisions import set_done
from courses.planning.forms import TaskForm, initial_of, initial_understood
from courses.planning.quick import Understood, understand
from courses.planning.rows import TaskRow, minutes_words
from courses.planning.subtasks import move_subtask, order_subtasks
from courses.planning.views import answer_planner, tell
from courses.screens import answer_agenda


def _understood(request: Request, line: str) -> Understood:
    clock = clock_of(request.user)
    courses = (
        Course.objects.visible_to(request.user).active(clock.now).only("name", "nickname", "code", "hue", "owner_id")
    )
    return understand(line, clock, courses if "#" in line else [])


@require_http_methods(["GET", "HEAD", "POST"])
def quick(request: Request) -> HttpResponse:
    """One line: what it says is shown while it is typed (GET) and kept when it is sent (POST)."""
    line = (request.POST if request.method == "POST" else request.GET).get("line", "")
    found = _understood(request, line)
    if request.method != "POST":
        return render_page(request, "courses/planner/_understood.html", {"found": found})
    try:
        task = services.create_task(request.user, by=request.user, **found.values)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return answer_planner(request)
    count_anew(request.user)
    if request.htmx and request.htmx.target == "agenda":
        messages.success(request, f"“{task.title}” is in your planner.")
        return answer_agenda(request)
    tell(request, f"“{task.title}” is in your planner.", f"delete task:{task.pk}")
    return answer_planner(request)


@require_http_methods(["GET", "HEAD", "POST"])
def task_new(request: Request) -> HttpResponse:
    """Make a task with the whole form; `line`, `course`, `assignment` and `day` of the address fill it in."""
    found = _understood(request, request.GET.get("line", ""))
    form = TaskForm(request.POST or None, initial=_initial(request, found), owner=request.user)
    if request.method == "POST" and form.is_valid():
        task = _kept(form, lambda: services.create_task(request.user, by=request.user, **form.values()))
        if task is not None:
            count_anew(request.user)
            tell(request, f"“{task.title}” is in your planner.", f"delete task:{task.pk}")
            return back(request, reverse("courses:planner"))
    return _form(request, form, None, found.notes)


@require_POST
def task_done(request: Request, pk: int) -> HttpResponse:
    """Tick a task off, or take the tick back (`done=0`); htmx gets the agenda as it is then."""
    task = get_object_or_404(_own(request), pk=pk)
    set_done(task, done=request.POST.get("done") != "0", by=request.user)
    count_anew(request.user)
    if request.htmx and request.htmx.target == "agenda":
        return answer_agenda(request)
    return back(request, reverse("courses:planner"))


def _initial(request: Request, found: Understood) -> dict[str, Any]:
    initial = initial_understood(found) if found.line else {}
    for name in ("course", "assignment"):
        if (value := request.GET.get(name, "")).isdecimal() and len(value) < 19:
            initial[name] = value
    if day := day_of_text(request.GET.get("day", "")):
        initial["due_day"] = day
    return initial


def _own(request: Request) -> Any:
    return OwnTask.objects.editable_by(request.user).select_related("course", "assignment", "series", "parent")


@require_safe
def task_detail(request: Request, pk: int) -> HttpResponse:
    """Show a task with its notes and subtasks."""
    task = get_object_or_404(_own(request), pk=pk)
    return render_page(
        request, "courses/planner/task.html", _task_context(request, task), parts={"subtasks": "subtasks"}
    )


def _task_context(request: Request, task: OwnTask) -> dict[str, Any]:
    clock = clock_of(request.user)
    subtasks = list(
        OwnTask.objects.visible_to(request.user)
        .filter(parent=task)
        .order_by(F("plan_position").asc(nulls_last=True), "pk")
    )
    done = sum(part.done_at is not None for part in subtasks)
    if task.course is not None and task.course.deleted_at is not None:
        task.course = None
    return {
        "task": task,
        "row": TaskRow(task, clock),
        "subtasks": subtasks,
        "count": f"{done} of {len(subtasks)}" if subtasks else "",
        "repeats": services.repeats_as(task),
        "minutes": minutes_words(task.estimate_minutes),
        "next": f"/planner/tasks/{task.pk}/",
    }


@require_http_methods(["GET", "HEAD", "POST"])
def task_edit(request: Request, pk: int) -> HttpResponse:
    """Change a task; of one that repeats, this one or also those that follow."""
    task = get_object_or_404(_own(request), pk=pk)
    form = TaskForm(request.POST or None, initial=initial_of(task), owner=request.user, task=task)
    if request.method == "POST" and form.is_valid():
        following = form.is_for_following
        saved = _kept(
            form,
            lambda: services.update_task(task, by=request.user, changes=form.values(), following=following),
        )
        if saved is not None:
            count_anew(request.user)
            messages.success(request, "Saved.")
            return back(request, saved.parent or saved)
    return _form(request, form, task)


@require_POST
def task_delete(request: Request, pk: int) -> HttpResponse:
    """Delete a task, and offer it back."""
    task = services.delete_task(get_object_or_404(_own(request), pk=pk), by=request.user)
    count_anew(request.user)
    tell(request, f"“{task.title}” is deleted.", f"restore task:{task.pk}")
    return redirect(task.parent or reverse("courses:planner"))


@require_POST
def task_restore(request: Request, pk: int) -> HttpResponse:
    """Take back a deletion."""
    task = get_object_or_404(OwnTask.objects.restorable_by(request.user), pk=pk)
    services.restore_task(task, by=request.user)
    count_anew(request.user)
    messages.success(request, f"“{task.title}” is back.")
    return redirect(task.parent or task)


@require_POST
def subtask_add(request: Request, pk: int) -> HttpResponse:
    """Add a subtask by its title; what is refused is said beside the field."""
    task = get_object_or_404(_own(request), pk=pk)
    title, problem = request.POST.get("title", ""), ""
    try:
        services.create_task(request.user, by=request.user, title=title, parent=task)
    except ValidationError as error:
        problem = " ".join(error.messages)
    if not problem and not request.htmx:
        return redirect(task)
    context = {
        **_task_context(request, task),
        "problem": problem,
        "typed": title if problem else "",
        "added": not problem,
    }
    status = 422 if problem else 200
    return render_page(request, "courses/planner/task.html", context, parts={"subtasks": "subtasks"}, status=status)


@require_POST
def subtask_act(request: Request, pk: int) -> HttpResponse:
    """Tick a subtask off, take the tick back (`done=0`), move it (`move=up`), or delete it (`delete=1`)."""
    part = get_object_or_404(_own(request).filter(parent__isnull=False), pk=pk)
    if request.POST.get("move") in ("up", "down"):
        move_subtask(part, up=request.POST["move"] == "up", by=request.user)
    elif request.POST.get("delete") == "1":
        services.delete_task(part, by=request.user)
        tell(request, f"“{part.title}” is deleted.", f"restore task:{part.pk}")
    elif request.POST.get("done") == "0":
        services.reopen_task(part, by=request.user)
    else:
        services.complete_task(part, by=request.user)
    assert part.parent is not None
    if not request.htmx:
        return redirect(part.parent)
    context = _task_context(request, get_object_or_404(_own(request), pk=part.parent_id))
    if "move" in request.POST:
        order = [each.pk for each in context["subtasks"]]
        context["said"] = f"{part.title} is {order.index(part.pk) + 1} of {len(order)}" if part.pk in order else ""
    return render_page(request, "courses/planner/task.html", context, parts={"subtasks": "subtasks"})


@require_POST
def subtasks_order(request: Request, pk: int) -> HttpResponse:
    """Put a task's subtasks in the order in which they were dragged."""
    task = get_object_or_404(_own(request), pk=pk)
    named = request.POST.getlist("subtask")
    order_subtasks(task, [int(key) for key in named if key.isdecimal() and len(key) < 19], by=request.user)
    return redirect(f"{task.get_absolute_url()}#subtasks")


def _kept(form: TaskForm, keep: Any) -> Any:
    """Run a service; what it refuses goes to the form."""
    try:
        return keep()
    except ValidationError as error:
        form.add_refusal(error)
        return None


def _form(request: Request, form: TaskForm, task: OwnTask | None, notes: list[str] | None = None) -> HttpResponse:
    context = {"form": form, "task": task, "next": following_page(request), "notes": notes}
    return render_page(request, "courses/planner/task_form.html", context, status=422 if form.errors else 200)
