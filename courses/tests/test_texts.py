"""The HTML of sources as words."""

from __future__ import annotations

import pytest

from courses.texts import excerpt, one_line, plain_text


class TestPlainText:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("", ""),
            ("<p>One</p><p>Two &amp; three</p>", "One\nTwo & three"),
            ("a<br>b", "a\nb"),
            ("<style>p{}</style><script>x()</script>word", "word"),
            ("1 &lt; 2", "1 < 2"),
            ("<li>one<li>two", "onetwo"),
        ],
    )
    def test_the_words_stay_and_the_markup_goes(self, source: str, text: str) -> None:
        assert plain_text(source) == text

    def test_one_line_is_cut_at_a_word(self) -> None:
        assert one_line("<p>The lecture moves</p><p>to room five.</p>", 20) == "The lecture moves…"


class TestExcerpt:
    def test_found_words_are_marked_by_their_beginning(self) -> None:
        assert excerpt("<p>Lottery scheduling is fair.</p>", "schedules") == "Lottery <mark>scheduling</mark> is fair."

    def test_what_the_text_says_stays_text(self) -> None:
        assert excerpt("a &lt;b&gt; word &amp; more", "word") == "a &lt;b&gt; <mark>word</mark> &amp; more"

    def test_a_long_text_is_cut_around_the_word(self) -> None:
        said = excerpt("before " * 100 + "needle " + "after " * 100, "needle", 120)

        assert said.startswith("…")
        assert said.endswith("…")
        assert "<mark>needle</mark>" in said
        assert len(said) < 160

    @pytest.mark.parametrize(
        ("source", "words"), [("", "x"), ("text", ""), ("text", "or"), ("text", "other"), ("text", "(*[")]
    )
    def test_nothing_found_gives_nothing(self, source: str, words: str) -> None:
        assert excerpt(source, words) == ""
