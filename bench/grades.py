"""How long the grades of 40 courses with 3,000 pieces of work take, read and reckoned.

`grades_40` is the reckoning alone, with weights and drop rules, current and final; its floor adds up the same scores.
`grades_40_read` has the reading from the database as well; its floor reads the same rows and adds them up.
`grades_40_kept` is the overview's way, which finds its results in the cache; it has the same floor as the reading.
Everything is made and measured in one transaction that is rolled back.
"""

import os
import random
import time
from dataclasses import replace

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreengine.settings.dev")

COURSES, WORKS = 40, 75


def main() -> None:
    """Fill a student's courses, measure, print the line, leave nothing."""
    import django

    django.setup()
    from django.db import transaction

    from bench.harness import alternate, report
    from coreengine.accounts.models import User
    from courses.grading.courses import ROW_FIELDS, CourseGrades, grades_of
    from courses.grading.summaries import summaries_of
    from courses.models import Assignment

    with transaction.atomic():
        user = User.objects.create_user("bench-grades@example.edu", None)
        courses = _fill(user)
        known = grades_of(courses)
        pairs = [[(work.score or 0.0, work.points) for work in each.works] for each in known]

        def reckoned(found: list[CourseGrades]) -> list[object]:
            return [(each.percent, each.final_percent, each.letter) for each in found]

        def sums() -> list[float]:
            return [100 * sum(s for s, _ in own) / sum(p for _, p in own) for own in pairs]

        def read_sums() -> float:
            rows = list(Assignment.objects.filter(course__in=courses).values_list(*ROW_FIELDS))
            return sum(row[11] or 0.0 for row in rows) / sum(row[4] or 0.0 for row in rows)

        summaries_of(courses)
        figures = {
            "grades_40": alternate(
                lambda: reckoned([replace(each) for each in known]), sums, runs=15, clock=time.process_time
            ),
            "grades_40_read": alternate(lambda: reckoned(grades_of(courses)), read_sums, runs=15),
            "grades_40_kept": alternate(lambda: summaries_of(courses), read_sums, runs=15),
        }
        transaction.set_rollback(True)
    report("grades", figures)


def _fill(user: object) -> list:
    from django.utils import timezone

    from courses.models import Assignment, AssignmentGroup, Course, Submission

    dice = random.Random(7)
    now = timezone.now()
    courses = Course.objects.bulk_create(
        Course(owner=user, source="bench:1", external_id=str(n), name=f"Course {n}") for n in range(COURSES)
    )
    groups = AssignmentGroup.objects.bulk_create(
        AssignmentGroup(course=course, name=f"Group {n}", weight=weight, drop_lowest=n, position=n)
        for course in courses
        for n, weight in enumerate((50, 30, 20))
    )
    works = Assignment.objects.bulk_create(
        Assignment(
            owner=user,
            course=course,
            source="bench:1",
            external_id=f"{course.pk}-{n}",
            name=f"Work {n}",
            group=groups[3 * at + n % 3],
            points_possible=dice.choice((10, 20, 50, 100)),
        )
        for at, course in enumerate(courses)
        for n in range(WORKS)
    )
    Submission.objects.bulk_create(
        Submission(assignment=work, state="graded", score=dice.uniform(0.4, 1.0) * work.points_possible, graded_at=now)
        for work in works
        if dice.random() < 0.8
    )
    return courses


if __name__ == "__main__":
    main()
