"""Reading text out of files: each kind, and files that mean harm. No database is needed."""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from resources.extract import kinds
from resources.extract.markdown import plain_markdown
from resources.extract.passages import MAX_PASSAGES, PASSAGE_CHARACTERS, split_passages
from resources.extract.result import Page
from resources.extract.runner import Outcome, extract_text
from resources.tests import files

ROOT = Path(__file__).resolve().parents[2]


def read(content: bytes, content_type: str, **limits: float) -> Outcome:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return extract_text(file, content_type, **limits)


class TestSoundFiles:
    def test_a_pdf_gives_its_pages_with_their_numbers(self):
        outcome = read(files.pdf_file("Virtual memory", "", "Page tables"), kinds.PDF)

        assert outcome.status == "completed"
        assert outcome.pages == [Page("Virtual memory", 1), Page("Page tables", 3)]
        assert outcome.page_count == 3

    def test_a_word_document_gives_paragraphs_and_tables(self):
        assert read(files.docx_file("Deadlock", "Four conditions"), kinds.DOCX).text == "Deadlock\nFour conditions"

    def test_slides_give_a_page_each_in_the_order_of_their_numbers(self):
        outcome = read(files.pptx_file(*(f"Slide {n}" for n in range(1, 12))), kinds.PPTX)

        assert [page.number for page in outcome.pages] == list(range(1, 12))
        assert outcome.pages[9].text == "Slide 10"

    def test_a_web_page_gives_what_a_reader_sees(self):
        page = (
            b"<html><head><title>B-trees</title><script>secret()</script><style>p{}</style></head>"
            b"<body><nav>Home</nav><h1>B-trees</h1><p>Keep <b>half</b> full.<p>Split</body>"
        )

        assert read(page, kinds.HTML).text == "B-trees\n\nKeep half full.\n\nSplit"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_text_is_decoded_whatever_its_encoding(self, encoding):
        text = "Die Größe der Übergangsmatrix wächst über die Länge der Schlüssel."

        assert read(text.encode(encoding), kinds.TEXT).text == text

    def test_code_keeps_its_indentation(self):
        assert read(b"def f():\n    return  1\n", kinds.TEXT).text == "def f():\n    return  1"

    def test_invisible_and_direction_marks_are_removed(self):
        assert read("a\u202eb\u200bc\x07d".encode(), kinds.TEXT).text == "abcd"

    def test_a_stream_that_has_no_descriptor_is_read_too(self):
        assert extract_text(io.BytesIO(b"from an object store"), kinds.TEXT).text == "from an object store"


class TestFilesWithoutText:
    def test_a_scan_is_skipped_with_the_reason(self):
        outcome = read(files.pdf_file("", ""), kinds.PDF)

        assert outcome.status == "skipped"
        assert "pictures of pages" in outcome.reason

    @pytest.mark.parametrize("content_type", [kinds.TEXT, kinds.MARKDOWN])
    def test_an_empty_text_is_skipped(self, content_type):
        assert read(b" \n", content_type).reason == "The file has no text in it."

    def test_an_unknown_kind_is_skipped(self):
        assert read(b"\x00\x01", kinds.UNKNOWN).status == "skipped"


class TestHostileFiles:
    def test_a_protected_pdf_says_that_it_is_protected(self):
        outcome = read(files.encrypted_pdf("hunter2"), kinds.PDF)

        assert outcome.status == "failed"
        assert "protected with a password" in outcome.reason

    @pytest.mark.parametrize("content_type", [kinds.PDF, kinds.DOCX, kinds.PPTX])
    @pytest.mark.parametrize(
        "content", [b"", b"%PDF-1.7 nonsense", b"PK\x03\x04" + b"\xff" * 3000], ids=["empty", "pdf", "zip"]
    )
    def test_a_broken_file_fails_in_words(self, content, content_type):
        outcome = read(content, content_type)

        assert outcome.status == "failed"
        assert "damaged" in outcome.reason

    def test_a_word_file_that_unpacks_to_much_is_not_unpacked(self):
        outcome = read(files.docx_bomb(megabytes=250), kinds.DOCX)

        assert outcome.status == "failed"
        assert "unpacks to more than 200 MB" in outcome.reason

    def test_a_pdf_that_inflates_to_much_ends_within_the_limits(self):
        started = time.monotonic()

        outcome = read(files.pdf_bomb(megabytes=600), kinds.PDF)

        assert outcome.status in {"failed", "skipped"}
        assert outcome.reason
        assert time.monotonic() - started < 45

    def test_a_billion_laughs_are_not_expanded(self):
        outcome = read(files.billion_laughs_docx(), kinds.DOCX)

        assert outcome.status in {"failed", "skipped"}
        assert "lollol" not in outcome.text

    def test_a_document_cannot_read_a_file_of_the_machine(self, tmp_path):
        secret = tmp_path / "secret.txt"
        secret.write_text("canary-7731")

        assert "canary-7731" not in read(files.docx_reading_a_file(str(secret)), kinds.DOCX).text

    def test_a_page_nested_a_hundred_thousand_deep_is_bounded(self):
        outcome = read(b"<div>" * 100_000 + b"bottom", kinds.HTML)

        assert outcome.status in {"completed", "failed", "skipped"}

    def test_a_huge_text_is_cut_and_says_so(self):
        outcome = read(b"word " * 1_000_000, kinds.TEXT)

        assert outcome.status == "completed"
        assert outcome.reason == "Only the first 1,000,000 characters were read."
        assert len(outcome.text) <= 1_000_000

    def test_a_child_that_does_not_end_is_killed_at_the_deadline(self):
        started = time.monotonic()

        outcome = read(files.pdf_file("slow"), kinds.PDF, deadline_s=0.01)

        assert outcome.status == "failed"
        assert "took too long" in outcome.reason
        assert time.monotonic() - started < 5

    def test_memory_of_children_stays_under_the_limit(self):
        # A process of its own, started fresh: a fork of this one would count the memory of the tests as its child's.
        program = (
            "import resource\n"
            "from resources.extract import kinds\n"
            "from resources.tests import files\n"
            "from resources.tests.test_extract import read\n"
            "read(files.pdf_bomb(megabytes=300), kinds.PDF)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        )
        ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
        most_kb = int(ended.stdout)

        assert 0 < most_kb < 512 * 1024


class TestConfinement:
    """What the child cannot do, tried from inside it."""

    def attempt(self, code: str) -> str:
        program = (
            "import os, socket, subprocess\n"
            "from resources.extract.confine import confine, limit_resources\n"
            f"limit_resources()\nlayers = confine()\n{code}"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def test_it_has_no_network(self):
        assert "Error" in self.attempt("socket.create_connection(('127.0.0.1', 80), 1)")

    def test_it_starts_no_process(self):
        assert "PermissionError" in self.attempt("subprocess.run(['/bin/true'])")

    def test_it_writes_no_file(self, tmp_path):
        target = tmp_path / "loot"

        said = self.attempt(f"open({str(target)!r}, 'w').write('x' * 100000)")

        assert "Error" in said or not target.exists() or target.stat().st_size == 0

    def test_it_reads_no_other_file_where_the_kernel_offers_landlock(self, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("canary-9")

        said = self.attempt(f"print(layers, open({str(secret)!r}).read() if 'landlock' in layers else 'not offered')")

        assert "canary-9" not in said

    def test_it_gets_no_environment(self, monkeypatch):
        monkeypatch.setenv("SECRET_KEY", "canary-env")
        seen: dict = {}
        real = subprocess.Popen

        def spy(*args, **kwargs):
            seen.update(kwargs)
            return real(*args, **kwargs)

        monkeypatch.setattr(subprocess, "Popen", spy)
        read(b"x", kinds.TEXT)

        assert "SECRET_KEY" not in seen["env"]


class TestSniffing:
    @pytest.mark.parametrize(
        ("content", "name", "expected"),
        [
            (b"%PDF-1.7\n", "essay.txt", kinds.PDF),
            (b"\x89PNG\r\n\x1a\n...", "photo.html", "image/png"),
            (b"<script>alert(1)</script>", "photo.png", kinds.TEXT),
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "logo.svg", kinds.TEXT),
            (b"<!doctype html><p>x", "notes.txt", kinds.HTML),
            (b"# Title", "README.md", kinds.MARKDOWN),
            (b"plain", "notes.txt", kinds.TEXT),
            (b"\x00\x01\x02\x03", "notes.txt", kinds.UNKNOWN),
            (b"", "empty.txt", kinds.TEXT),
            (b"MZ\x90\x00", "paper.pdf", "application/x-msdownload"),
        ],
    )
    def test_the_type_comes_from_the_bytes(self, content, name, expected):
        assert kinds.sniff(content, b"", name) == expected

    def test_word_and_slides_are_told_from_other_archives(self):
        word, slides = files.docx_file("x"), files.pptx_file("x")

        assert kinds.sniff(word[:4096], word[-65536:], "a.zip") == kinds.DOCX
        assert kinds.sniff(slides[:4096], slides[-65536:], "a.zip") == kinds.PPTX


class TestPassages:
    def test_they_stay_within_a_page_and_end_at_a_paragraph(self):
        first = "one " * 300
        pages = [Page(f"{first}\n\n{'two ' * 300}", 1), Page("three", 2)]

        passages = list(split_passages(pages))

        assert passages[0] == Page(first.strip(), 1)
        assert passages[-1] == Page("three", 2)

    def test_a_text_without_any_break_is_still_cut(self):
        assert [len(p.text) for p in split_passages([Page("x" * (PASSAGE_CHARACTERS + 5))])] == [
            PASSAGE_CHARACTERS,
            5,
        ]

    def test_their_number_is_bounded(self):
        assert len(list(split_passages([Page("y" * PASSAGE_CHARACTERS * (MAX_PASSAGES + 9))]))) == MAX_PASSAGES


class TestMarkdown:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("## Four *conditions*", "Four conditions"),
            ("**Hold** and __wait__ for `lock_a`", "Hold and wait for lock_a"),
            ("See [the docs](https://example.org/a) now", "See the docs now"),
            ("| A | B |\n|---|:--|\n| 1 | 2 |", "A · B\n\n1 · 2"),
            ("> quoted\n\n```c\nx = a * b;\n```", "quoted\n\nx = a * b;"),
            ("snake_case_name and 2 * 3", "snake_case_name and 2 * 3"),
            ("", ""),
        ],
    )
    def test_marks_are_left_out_and_words_stay(self, source, words):
        assert plain_markdown(source) == words
