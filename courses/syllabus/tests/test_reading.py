"""Encodings, tables, dates and syllabi: what is read, what is asked about, what is refused."""

from __future__ import annotations

from datetime import UTC, date, time

import pytest
from django.core.exceptions import ValidationError

from courses.syllabus.dates import NotADate, Term, order_of, read_date
from courses.syllabus.prose import syllabus_rows
from courses.syllabus.reading import is_table, read_bytes
from courses.syllabus.rows import check_row, make_row, read_number
from courses.syllabus.tables import date_order, read_table, table_rows

TERM = Term(date(2026, 9, 1), date(2027, 1, 31), date(2026, 11, 1))
NIGHT = time(23, 59)


class TestEncodings:
    TEXT = "title;due\nÜbungsblatt für Größe – naïve;2026-10-05\nLösung öffnen;2026-10-12\n"

    @pytest.mark.parametrize(
        ("encoding", "said"),
        [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("cp1252", "cp1252")],
    )
    def test_what_spreadsheets_write_is_read(self, encoding: str, said: str) -> None:
        read = read_bytes(self.TEXT.encode(encoding), "work.csv")
        assert (read.text, read.encoding) == (self.TEXT, said)

    @pytest.mark.parametrize("text", ["zażółć gęślą jaźń; książka\n", "příliš žluťoučký kůň; úloha\n"])
    def test_central_european_letters_are_read_too(self, text: str) -> None:
        assert read_bytes(text.encode("cp1250"), "work.csv").text == text

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "is empty"),
            (b" \n\t", "is empty"),
            (b"PK\x03\x04\x00\x00", "is no text"),
            (b"x" * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
            (b"x" * 500_001, "has 500,001 characters"),
        ],
    )
    def test_what_is_no_text_or_too_much_is_refused_by_name(self, data: bytes, words: str) -> None:
        with pytest.raises(ValidationError) as caught:
            read_bytes(data, "work.csv")
        assert "work.csv" in caught.value.message_dict["file"][0] and words in caught.value.message_dict["file"][0]

    def test_a_table_is_told_from_prose(self) -> None:
        assert is_table("a;b\n1;2\n", "") and is_table("anything", "x.CSV") and is_table("a\tb\nc\td", "")
        assert not is_table("Dear students, welcome.\nThe first homework is due soon.", "")
        assert not is_table("a;b\n1;2", "syllabus.txt")


class TestDates:
    @pytest.mark.parametrize(
        ("text", "day", "at"),
        [
            ("2026-12-31", date(2026, 12, 31), None),
            ("2026-12-31T08:00", date(2026, 12, 31), time(8)),
            ("31.12.2026 23:59", date(2026, 12, 31), NIGHT),
            ("31.12.26", date(2026, 12, 31), None),
            ("12/31/2026", date(2026, 12, 31), None),
            ("31/12/2026", date(2026, 12, 31), None),
            ("Dec 3rd at 5pm", date(2026, 12, 3), time(17)),
            ("Mon, January 12, 11:59 p.m.", date(2027, 1, 12), NIGHT),
            ("12. Oktober 14:00 Uhr", date(2026, 10, 12), time(14)),
            ("Sept 5", date(2026, 9, 5), None),
            ("noon, Oct 20", date(2026, 10, 20), time(12)),
        ],
    )
    def test_a_date_is_read_and_its_year_follows_from_the_term(self, text: str, day: date, at: time | None) -> None:
        found = read_date(text, order="", term=TERM)
        assert (found.day, found.at) == (day, at)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("31.2.2026", "There is no day"),
            ("2026-02-30", "There is no day"),
            ("soon", "is not a date"),
            ("3/4/2026", "two ways"),
        ],
    )
    def test_what_is_no_day_or_two_is_said(self, text: str, words: str) -> None:
        with pytest.raises(NotADate, match=words):
            read_date(text, order="", term=TERM)

    @pytest.mark.parametrize(
        ("texts", "order"),
        [
            (["3/4/2026", "13/4/2026"], "dmy"),
            (["3/4/2026", "4/13/2026"], "mdy"),
            (["3/4/2026", "5/6/2026"], "ask"),
            (["13/4/2026", "4/13/2026"], "ask"),
            (["2026-03-04"], ""),
            (["5/5/2026"], ""),
        ],
    )
    def test_dates_with_slashes_are_asked_about_only_where_nothing_tells(self, texts: list[str], order: str) -> None:
        assert order_of(texts) == order

    def test_the_answer_decides(self) -> None:
        assert read_date("3/4/2026", order="dmy", term=TERM).day == date(2026, 4, 3)
        assert read_date("3/4/2026", order="mdy", term=TERM).day == date(2026, 3, 4)


class TestTables:
    def rows(self, text: str, **options: str) -> list[dict]:
        table = read_table(text)
        return table_rows(table, order=options.get("order", date_order(table)), term=TERM)

    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_every_delimiter_is_found(self, mark: str) -> None:
        text = "title,due date,points\nLab 1,2026-10-05 12:00,20\nLab 2,2026-10-12,20\n".replace(",", mark)
        first, second = self.rows(text)
        assert (first["name"], first["due"], first["points"]) == ("Lab 1", "2026-10-05T12:00", "20")
        assert second["due"] == "2026-10-12T23:59"

    def test_heads_in_any_order_and_language_are_understood(self) -> None:
        table = read_table("Punkte;Abgabe;Titel;Raum\n20;5.10.2026;Blatt 1;A\n")
        assert table.columns == ["points", "due", "name", ""]

    def test_without_heads_the_first_row_is_work(self) -> None:
        table = read_table("Lab 1;2026-10-05\nLab 2;2026-10-12\n")
        assert (table.has_heads, table.columns, len(table.rows)) == (False, ["name", "due"], 2)

    def test_what_cannot_be_read_is_said_at_its_row_and_field(self) -> None:
        good, bad = self.rows("title;due\nLab 1;2026-10-05\nLab 2;31.2.2026\n")
        assert not good["unread"] and "no day" in bad["unread"]["due"] and bad["line"] == 3

    @pytest.mark.parametrize("cell", ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)"])
    def test_a_formula_is_a_text_like_any_other(self, cell: str) -> None:
        quoted = cell.replace('"', '""')
        assert self.rows(f'title;due\n"{quoted}";2026-10-05\n')[0]["name"] == cell

    def test_too_many_rows_are_left_out_and_counted(self) -> None:
        table = read_table("title;due\n" + "Lab;2026-10-05\n" * 2_100)
        assert (len(table.rows), table.left_out) == (2_000, 100)

    def test_too_many_columns_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="70 columns"):
            read_table(";".join("x" * 70) + "\n")

    @pytest.mark.parametrize(
        ("text", "value"),
        [("40", 40), ("37,5", 37.5), ("37.5", 37.5), ("40 %", 40), ("1,000", 1000), ("20 pts", 20), ("x", None)],
    )
    def test_numbers_as_people_write_them(self, text: str, value: float | None) -> None:
        assert read_number(text) == value

    def test_a_row_says_what_is_wrong_with_it(self) -> None:
        row = make_row(1, "work", line=1, source="", name="", due="2026-03-29T02:30", points="many", url="ftp:x")
        from zoneinfo import ZoneInfo

        problems = check_row(row, ZoneInfo("Europe/Berlin"))
        assert problems.keys() == {"name", "due", "points", "url"}
        assert "01:30 or 03:30" in problems["due"]
        assert check_row({**row, "due": "2026-03-30T02:30"}, UTC).keys() == {"name", "points", "url"}


class TestSyllabi:
    @pytest.mark.parametrize(
        ("line", "groups"),
        [
            (
                "Grading: Homework 40%, Midterm 25% and Final 35%",
                [("Homework", "40"), ("Midterm", "25"), ("Final", "35")],
            ),
            (
                "Labs count 45 %, quizzes 15 % (the lowest is dropped), the final 40 %. Late work loses 10 % a day.",
                [("Labs", "45"), ("Quizzes", "15"), ("Final", "40")],
            ),
            ("Labs 12,5 %; Exams 87,5 %", [("Labs", "12.5"), ("Exams", "87.5")]),
            ("Late work: 10% off, 20% after two days", []),
            ("A 93%, B 83%", []),
        ],
    )
    def test_weights_of_one_sentence_are_all_taken_or_none(self, line: str, groups: list[tuple[str, str]]) -> None:
        rows = syllabus_rows(line, order="", term=TERM, default=NIGHT)

        assert [(row["name"], row["weight"]) for row in rows] == groups

    TEXT = """Grading
- Homework: 40%
Midterm exam ....... 25 %
Final exam 35%
Late work loses 10% per day.
A  93 - 100 %
Total 100%
Homework 1 due Mon Sep 14 at 11:59pm (20 points)
Week 5 - Midterm Exam, Thursday 10/15, 2:00 pm - 3:30 pm
Nov 26 - No class (Thanksgiving break)
Final project
  Due: Dec 11
Lecture on trees 9/21"""

    def test_work_and_weights_are_found_with_the_lines_they_stand_on(self) -> None:
        rows = syllabus_rows(self.TEXT, order="mdy", term=TERM, default=NIGHT)
        groups = [(row["name"], row["weight"]) for row in rows if row["kind"] == "group"]
        works = [(row["line"], row["take"], row["name"], row["due"]) for row in rows if row["kind"] == "work"]
        assert groups == [("Homework", "40"), ("Midterm exam", "25"), ("Final exam", "35")]
        assert works[0] == (8, True, "Homework 1", "2026-09-14T23:59")
        assert works[1][:2] == (9, True) and works[1][2].startswith("Midterm Exam")
        assert works[1][3] == "2026-10-15T14:00"
        assert works[2][:3] == (10, False, "No class (Thanksgiving break)")
        assert works[3] == (12, True, "Final project", "2026-12-11T23:59")
        assert works[4][:2] == (13, False)

    def test_work_goes_into_the_group_that_it_is_named_after(self) -> None:
        rows = syllabus_rows(self.TEXT, order="mdy", term=TERM, default=NIGHT)
        named = {row["name"]: row["group"] for row in rows if row["kind"] == "work"}
        assert (named["Homework 1"], named["Final project"]) == ("Homework", "")

    def test_points_are_read_beside_the_date(self) -> None:
        row = syllabus_rows(self.TEXT, order="mdy", term=TERM, default=NIGHT)[3]
        assert row["points"] == "20"

    def test_an_ambiguous_date_is_asked_about(self) -> None:
        row = syllabus_rows("Quiz 3/4", order="ask", term=TERM, default=NIGHT)[0]
        assert row["due"] == "" and "two ways" in row["unread"]["due"]
