"""The bundled semester: what it promises on every day."""

from collections import Counter
from datetime import date, timedelta

import pytest

from plugins.demo_university.semester import Semester, build_semester
from plugins.demo_university.semester.build import ZONE
from plugins.demo_university.semester.documents import file_bytes
from plugins.demo_university.semester.grades import course_score

TODAY = date(2026, 10, 5)


@pytest.fixture(scope="module")
def semester() -> Semester:
    return build_semester(TODAY)


def all_assignments(semester):
    return [assignment for course in semester.courses for assignment in course.assignments]


@pytest.mark.parametrize("today", [TODAY, date(2026, 3, 8), date(2027, 1, 1), date(2028, 2, 29)])
def test_every_day_has_six_courses_and_sixty_assignments_in_every_state(today):
    semester = build_semester(today)
    assignments = all_assignments(semester)
    assert len(semester.courses) == 6
    assert len(assignments) == 60
    local = [(found, (found.due_at.astimezone(ZONE).date() - today).days) for found in assignments]
    assert [found.name for found, days in local if found.submission.missing and days < 0]
    assert [found.name for found, days in local if days == 0 and found.submission.state == "unsubmitted"]
    assert len([found for found, days in local if 0 < days <= 7]) >= 5
    assert len([found for found, days in local if days > 7]) >= 5
    states = Counter(found.submission.state for found in assignments)
    assert set(states) == {"unsubmitted", "submitted", "pending_review", "graded"}
    assert any(found.submission.excused for found in assignments)
    assert any(found.submission.late for found in assignments)
    assert any(found.submission.score and found.submission.visible_score is None for found in assignments)


def test_ids_are_unique_and_one_course_is_beyond_2_to_the_53(semester):
    ids = [found.id for course in semester.courses for found in course.assignments + course.files + course.groups]
    assert len(ids) == len(set(ids))
    assert max(course.id for course in semester.courses) > 2**53


def test_work_still_open_is_handed_in_and_graded_as_the_days_go_by(semester):
    lab = next(found for found in all_assignments(semester) if found.name.startswith("Lab 4"))
    assert lab.submission.state == "unsubmitted"
    later = build_semester(TODAY + timedelta(days=3), anchor=TODAY)
    assert later.find_assignment(lab.id)[1].submission.state == "submitted"
    graded = build_semester(TODAY + timedelta(days=10), anchor=TODAY)
    assert graded.find_assignment(lab.id)[1].submission.visible_score is not None
    assert graded.find_assignment(lab.id)[1].due_at == lab.due_at


def test_missing_work_stays_missing(semester):
    missing = {found.id for found in all_assignments(semester) if found.submission.missing}
    later = build_semester(TODAY + timedelta(days=20), anchor=TODAY)
    assert missing <= {found.id for found in all_assignments(later) if found.submission.missing}


def test_the_lowest_scores_are_dropped_from_a_course_grade(semester):
    algorithms = next(course for course in semester.courses if course.code == "CS 3520")
    # Problem sets 18, 17 of 20 are left of five scores when the lowest two go; contest 25/30, midterm 79.
    kept = (18 + 15.5 + 17 + 11 - 11 - 15.5) / 40
    assert course_score(algorithms, final=False) == round(50 * kept + 20 * 25 / 30 + 30 * 0.79, 2)


def test_files_are_real_documents_and_the_same_every_time(semester):
    for course in semester.courses:
        for file in course.files:
            content = file_bytes(file)
            kind = file.name.rsplit(".", 1)[1]
            assert content.startswith({"pdf": b"%PDF-", "docx": b"PK"}.get(kind, b"")), file.name
            assert len(content) > 300, file.name


def test_the_text_of_the_documents_can_be_read_back(semester):
    import io

    import docx
    import pypdf

    files = {file.name: file for course in semester.courses for file in course.files}
    pdf = pypdf.PdfReader(io.BytesIO(file_bytes(files["lecture-11-virtual-memory.pdf"])))
    assert "clock algorithm" in " ".join(page.extract_text() for page in pdf.pages)
    word = docx.Document(io.BytesIO(file_bytes(files["interview-guide.docx"])))
    assert any("Stay quiet" in paragraph.text for paragraph in word.paragraphs)


def test_at_most_twelve_announcements_are_out_and_some_are_fresh(semester):
    posted = [found.posted_at.astimezone(ZONE).date() for course in semester.courses for found in course.announcements]
    assert len(posted) == 12
    assert len([day for day in posted if (TODAY - day).days <= 3]) >= 5
    assert max(posted) < TODAY
