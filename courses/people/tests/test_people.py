"""People: the source's are replaced by each import, what the student wrote stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from coreengine.kernel.models import Event
from courses.importing.people import import_people
from courses.models import CoursePerson
from courses.tests.factories import SOURCE, CourseFactory
from courses.tests.factories_extras import PersonFactory
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


def bring(owner: Any, people: list[dict[str, Any]]) -> Any:
    return import_people(owner, source=SOURCE, course_id="101", people=people, by=owner)


class TestImport:
    @pytest.fixture(autouse=True)
    def _course(self, owner: Any) -> None:
        self.course = CourseFactory(owner=owner, source=SOURCE, external_id="101")

    ADA = {"id": "1", "name": "Ada", "role": "teacher", "email": "ada@example.edu"}
    BOB = {"id": "2", "name": "Bob", "role": "assistant", "email": "no address"}

    def test_who_is_listed_comes_and_who_is_not_any_more_goes(self, owner: Any) -> None:
        assert bring(owner, [self.ADA, self.BOB]).created == 2
        assert list(self.course.people.values_list("name", "role", "email")) == [
            ("Bob", "assistant", ""),
            ("Ada", "teacher", "ada@example.edu"),
        ]
        assert bring(owner, [{**self.ADA, "email": ""}]).counts() == {
            "created": 0,
            "changed": 1,
            "unchanged": 0,
            "missing": 1,
        }
        assert self.course.people.get().name == "Ada"

    def test_what_the_student_wrote_stays_also_of_one_who_is_gone(self, owner: Any) -> None:
        bring(owner, [self.ADA])
        CoursePerson.objects.update(office_hours="Tue 14–16")
        PersonFactory(course=self.course, name="Tutor")
        bring(owner, [{**self.ADA, "name": "Ada L."}])
        bring(owner, [])
        ada = self.course.people.get(external_id="1")
        assert (ada.name, ada.office_hours, ada.missing_since is not None) == ("Ada L.", "Tue 14–16", True)
        assert self.course.people.filter(name="Tutor").exists()

    def test_the_same_list_again_changes_nothing(self, owner: Any) -> None:
        bring(owner, [self.ADA, self.BOB])
        count = Event.objects.count()
        assert bring(owner, [self.ADA, self.BOB]).unchanged == 2
        assert Event.objects.count() == count


class TestByHand:
    def test_adding_changing_and_removing_with_undo(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        data = {"course": course.pk, "name": "Tutor", "role": "other", "office_hours": "Mon"}
        assert doors.send(reverse("courses:create-person", args=[course.pk]), "post", "course-people/", data) == 200
        person = course.people.get()
        url = reverse("courses:edit-person", args=[person.pk])
        change = {"name": "Tutor T.", "role": "other", "office_hours": "Wed"}
        assert doors.send(url, "patch", f"course-people/{person.pk}/", change) == 200
        url = reverse("courses:remove-person", args=[person.pk])
        assert doors.send(url, "delete", f"course-people/{person.pk}/", {}) == 200
        event = Event.objects.get(type="course.person_removed").pk
        for _ in range(2):
            url = reverse("courses:restore-person", args=[course.pk])
            assert doors.send(url, "post", f"courses/{course.pk}/undo/", {"event": event, "undo": event}) == 200
        assert course.people.get().office_hours == "Wed"

    def test_of_whom_a_source_names_only_notes_can_be_written(self, api: Any, owner: Any) -> None:
        person = PersonFactory(course=CourseFactory(owner=owner), imported=True)
        assert api.patch(f"/api/v1/course-people/{person.pk}/", {"notes": "kind"}).status_code == 200
        answer = api.patch(f"/api/v1/course-people/{person.pk}/", {"name": "X"})
        assert answer.status_code == 422 and set(answer.json()["errors"]) == {"name"}
        assert api.delete(f"/api/v1/course-people/{person.pk}/").status_code == 409

    def test_a_strangers_person_is_not_there(self, doors: Doors, stranger: Any) -> None:
        person = PersonFactory(course=CourseFactory(owner=stranger))
        for name, method in [("courses:edit-person", "patch"), ("courses:remove-person", "delete")]:
            url = reverse(name, args=[person.pk])
            assert doors.send(url, method, f"course-people/{person.pk}/", {"name": "x"}) == 404
