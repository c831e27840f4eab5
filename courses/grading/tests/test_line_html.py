"""What is put together in Python escapes whatever came from outside, and says what was typed."""

from __future__ import annotations

from datetime import UTC, datetime

from courses.grading.courses import GradedWork
from courses.grading.line_html import flag_mark, grade_row, history_row, work_option
from courses.grading.pages import WorkLine
from courses.models import Course

BAD = '<script>"&'
ESCAPED = "&lt;script&gt;&quot;&amp;"
COURSE = Course(pk=3, source="connection:1")


def line(**fields: object) -> WorkLine:
    work = GradedWork(7, BAD, 1, 3.0, 4.0, graded_at=datetime(2026, 11, 1, tzinfo=UTC))
    known = {"work": work, "score": BAD, "percent": BAD, "flag": BAD, "note": BAD, "change": {}, "typed": BAD}
    return WorkLine(**(known | fields))


def test_a_row_escapes_names_words_and_what_was_typed() -> None:
    html = grade_row(line(error=BAD), COURSE, [("better", "the better counts")]) + flag_mark(line())

    assert "<script>" not in html
    assert '"&"' not in html
    assert f'value="{ESCAPED}"' in html
    assert f'<p class="error" id="fault-7">{ESCAPED}</p>' in html


def test_a_row_shows_what_a_scenario_changes() -> None:
    html = grade_row(line(change={"left_out": True, "counts": "better"}), COURSE, [("mean", "m"), ("better", "b")])

    assert 'value="1" aria-label="Leave out “' in html
    assert " checked" in html
    assert '<option value="better" selected>b</option>' in html


def test_own_work_of_a_course_by_hand_leads_to_its_result() -> None:
    work = GradedWork(7, "Essay", 1, 3.0, 4.0, is_by_hand=True)

    assert 'href="/courses/3/grades/work/7/"' in grade_row(line(work=work), Course(pk=3, source=""), [])
    assert 'href="/courses/3/grades/work/7/"' not in grade_row(line(work=work), COURSE, [])


def test_names_are_escaped_in_options_and_in_the_history() -> None:
    work = GradedWork(7, BAD, 1, None, 4.0)

    assert work_option(work, "7") == f'<option value="7" selected>{ESCAPED} (open)</option>'
    row = history_row(datetime(2026, 11, 1, tzinfo=UTC), 91.5, -2.0, BAD)
    assert f"<td>{ESCAPED}</td>" in row
    assert '<td class="num">91.50 %</td><td class="num">-2</td>' in row
