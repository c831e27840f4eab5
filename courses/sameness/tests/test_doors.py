"""Joining, parting, keeping and putting away: page and API do the same, and a stranger gets nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.models import Assignment, Course, SamenessChoice
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


def test_joining_and_parting_work(doors: Doors, owner: Any) -> None:
    first = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)
    second = AssignmentFactory(course=first.course)

    url = reverse("courses:join-work", args=[first.pk])
    assert doors.send(url, "post", f"assignments/{first.pk}/same/", {"other": second.pk}) == 200
    assert Assignment.objects.get(pk=second.pk).same_as == first
    url = reverse("courses:part-work", args=[first.pk, second.pk])
    assert doors.send(url, "post", f"assignments/{first.pk}/same/{second.pk}/part/", {}) == 200
    assert Assignment.objects.get(pk=second.pk).same_as is None


def test_joining_and_parting_courses(doors: Doors, owner: Any) -> None:
    first, second = CourseFactory(owner=owner, imported=True), CourseFactory(owner=owner)

    url = reverse("courses:join-courses", args=[first.pk])
    assert doors.send(url, "post", f"courses/{first.pk}/same/", {"other": second.pk}) == 200
    assert Course.objects.get(pk=second.pk).same_as == first
    url = reverse("courses:part-courses", args=[first.pk, second.pk])
    assert doors.send(url, "post", f"courses/{first.pk}/same/{second.pk}/part/", {}) == 200
    assert Course.objects.get(pk=second.pk).same_as is None


@pytest.mark.parametrize("is_stranger_first", [True, False])
def test_a_strangers_work_is_not_there(doors: Doors, owner: Any, stranger: Any, is_stranger_first: bool) -> None:
    ours, theirs = AssignmentFactory(course__owner=owner), AssignmentFactory(course__owner=stranger)
    first, second = (theirs, ours) if is_stranger_first else (ours, theirs)

    url = reverse("courses:join-work", args=[first.pk])
    assert doors.send(url, "post", f"assignments/{first.pk}/same/", {"other": second.pk}) == 404
    url = reverse("courses:part-work", args=[first.pk, second.pk])
    assert doors.send(url, "post", f"assignments/{first.pk}/same/{second.pk}/part/", {}) == 404
    assert not SamenessChoice.objects.exists()


def test_nothing_is_the_same_as_itself(doors: Doors, owner: Any) -> None:
    work = AssignmentFactory(course__owner=owner)

    url = reverse("courses:join-work", args=[work.pk])
    assert doors.send(url, "post", f"assignments/{work.pk}/same/", {"other": work.pk}) == 409


def test_what_becomes_of_vanished_work(doors: Doors, owner: Any) -> None:
    work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True, missing_since=timezone.now())

    for name, path in (("put-away", "put-away"), ("take-back", "take-back"), ("keep-vanished", "keep")):
        url = reverse(f"courses:{name}", args=[work.pk])
        assert doors.send(url, "post", f"assignments/{work.pk}/{path}/", {}) == 200
        if name == "put-away":
            assert not Assignment.objects.visible_to(owner).vanished().exists()
    work.refresh_from_db()
    assert work.same_as is not None and work.same_as.is_by_hand


def test_what_is_still_at_its_source_cannot_be_kept_or_put_away(doors: Doors, owner: Any) -> None:
    work = AssignmentFactory(course=CourseFactory(owner=owner), imported=True)

    for name, path in (("put-away", "put-away"), ("keep-vanished", "keep")):
        url = reverse(f"courses:{name}", args=[work.pk])
        assert doors.send(url, "post", f"assignments/{work.pk}/{path}/", {}) == 409
