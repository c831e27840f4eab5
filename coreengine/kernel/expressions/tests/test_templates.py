"""Templates: `{{ }}` in texts, lists and maps."""

import pytest

from coreengine.kernel.expressions import (
    ExpressionError,
    check,
    check_condition,
    check_expression,
    render,
    sole_expression,
    uses,
)

NAMES = {"x": {"n": 3, "name": "Ada", "list": [1, "b"], "none": None, "yes": True, "f": 2.0}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{ x.n }}", 3),
        ("  {{ x.n }}\n", 3),
        ("n={{ x.n }}", "n=3"),
        ("{{ x.name }}{{ x.n }}", "Ada3"),
        ("{{ x.list }}", [1, "b"]),
        ("l={{ x.list }}", 'l=[1, "b"]'),
        ("[{{ x.none }}]", "[]"),
        ("{{ x.none }}", None),
        ("{{ x.yes }}!", "true!"),
        ("{{ x.f }}!", "2!"),
        ("{{ '}}' }}", "}}"),
        ("a {{ 'x }} y' + \"}}\" }} b", "a x }} y}} b"),
        ("{{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("{{ {'a': {'b': '}}'}} }}", {"a": {"b": "}}"}}),
        ("{{ r'\\d' + '}}' }}", "\\d}}"),
        ("{{ '\\'}}' }}", "'}}"),
        ('{{ """a"}}""" }}', 'a"}}'),
        ("{{ 1 // }} comment\n }}", 1),
        ("\\{{ x }}", "{{ x }}"),
        ("\\\\{{ x.n }}", "\\3"),
        ("{{ '{{' }} x }}", "{{ x }}"),
        ("a }} b } c { d", "a }} b } c { d"),
        (
            {"k {{ x.n }}": ["{{ x.n }}", {"y": "v{{ x.n }}"}], "z": 1},
            {"k {{ x.n }}": [3, {"y": "v3"}], "z": 1},
        ),
        (None, None),
        (5, 5),
    ],
)
def test_a_template_is_filled(template, expected):
    assert render(template, NAMES) == expected


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ x.n", "never closed"),
        ("{{ 'a }}", "never closed"),
        ("{{ }}", "nothing between"),
        ("{{ x.n } }}", "single }"),
        ("{{ y }}", "Unknown name “y”"),
        ("{{ x.lisst }}", "Did you mean “list”"),
    ],
)
def test_a_faulty_template_says_why(template, words):
    with pytest.raises(ExpressionError, match=words):
        render(template, NAMES)


def test_what_templates_fill_in_is_never_a_template_itself():
    assert render("{{ a }}", {"a": "{{ secret }}", "secret": 1}) == "{{ secret }}"


def test_the_filled_in_whole_is_bounded():
    with pytest.raises(ExpressionError, match="too large"):
        render(["{{ a }}"] * 5, {"a": "x" * 900_000})


def test_a_sole_expression_is_recognised():
    assert sole_expression("{{ a }}").source == "a"
    assert sole_expression("{{ a }}{{ b }}") is None
    assert sole_expression("a") is None


class TestCheck:
    def test_every_fault_is_found_with_its_place(self):
        value = {
            "a": "ok {{ x.n }}",
            "b": ["line one\nand {{ stepz.a }} {{ x.n + }}"],
            "c": {"d": "{{ x.n"},
        }

        problems = check(value, {"x", "steps"})

        assert [(p.path, p.line, p.column) for p in problems] == [
            ("b[0]", 2, 8),
            ("b[0]", 2, 27),
            ("c.d", 1, 1),
        ]
        assert "Did you mean “steps”" in problems[0].message
        assert "Syntax error" in problems[1].message

    def test_members_that_can_be_known_are_checked(self):
        [problem] = check("{{ steps.b.result }} {{ variables.any }}", {"steps": {"a", "bb"}, "variables": None})

        assert problem.message == "There is no “b” in steps. Did you mean “bb”?"

    def test_a_condition_that_cannot_be_true_or_false_is_a_fault(self):
        assert check_condition("{{ x.n }}", {"x"}) == []
        assert "must be true or false" in check_condition("1 + 1", set())[0].message
        assert check_condition("x ==", {"x"})[0].message.startswith("Syntax error")

    def test_a_fault_in_an_expression_of_several_lines_has_its_line(self):
        [problem] = check_expression("x.n ==\n  yy.z", {"x"})

        assert (problem.line, problem.column) == (2, 3)

    def test_names_are_told_with_where_they_are_used(self):
        [first, second] = uses("a {{ steps.one.result }}\n{{ steps['two'] }}")

        assert first.chain == ("steps", "one", "result") and (first.line, first.column) == (1, 6)
        assert second.chain == ("steps", "two") and second.line == 2
