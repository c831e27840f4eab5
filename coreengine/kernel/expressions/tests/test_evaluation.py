"""Evaluating expressions: CEL's meaning, and the hazards of its library."""

import os
import time
from datetime import UTC, datetime

import pytest

from coreengine.kernel.expressions import ExpressionError, condition, evaluate
from coreengine.kernel.expressions.evaluation import compile_expression
from coreengine.kernel.expressions.killable import KillableEvaluator, evaluator
from coreengine.kernel.expressions.values import Refused


@pytest.mark.parametrize(
    ("expression", "names", "expected"),
    [
        ("1 + 2 * 3", {}, 7),
        ("steps.a.result.n > 3 && true", {"steps": {"a": {"result": {"n": 4}}}}, True),
        ("x.y.z", {"x": {"y": {"z": [1, {"a": None}]}}}, [1, {"a": None}]),
        ("x[1].name", {"x": [{"name": "a"}, {"name": "b"}]}, "b"),
        ('x["a b"]', {"x": {"a b": 1}}, 1),
        ("size('héé')", {}, 3),
        ("has(x.y)", {"x": {}}, False),
        ("has(x.y) ? x.y : 'none'", {"x": {"y": "some"}}, "some"),
        ("x.filter(c, c.n > 1).map(c, c.name)", {"x": [{"n": 1, "name": "a"}, {"n": 2, "name": "b"}]}, ["b"]),
        ("x.exists(c, c == 2) && !x.all(c, c == 2)", {"x": [1, 2]}, True),
        ("'a' in x", {"x": {"a": 1}}, True),
        ("x.y > 1 || true", {"x": {}}, True),
        ("'b,a'.split(',').join('-').upperAscii()", {}, "B-A"),
        ("'%s has %d'.format(['x', 3])", {}, "x has 3"),
        ("x == 5.0", {"x": 5}, True),
        ("x == 1", {"x": None}, False),
        ("timestamp(x).getFullYear('Europe/Berlin')", {"x": "2025-12-31T23:30:00Z"}, 2026),
        ("math.greatest(1, 2)", {}, 2),
        ("int(x) + 1", {"x": "9007199254740993"}, 9007199254740994),
        ("1 // a comment\n + 1", {}, 2),
    ],
)
def test_an_expression_means_what_cel_says(expression, names, expected):
    assert evaluate(expression, names) == expected


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**64 - 1])
def test_whole_numbers_stay_exact(number):
    assert evaluate("x.id", {"x": {"id": number}}) == number
    assert evaluate("[x.id][0]", {"x": {"id": number}}) == number


def test_a_path_alone_keeps_numbers_that_no_cel_type_holds():
    assert evaluate("x.id", {"x": {"id": 10**30}}) == 10**30


@pytest.mark.parametrize(
    ("expression", "names", "words"),
    [
        ("1 / 0", {}, "divide by zero"),
        ("[1, 2].map(a, a / 0)", {}, "divide by zero"),
        ("{'a': 1 / 0}", {}, "divide by zero"),
        ("9223372036854775807 + 1", {}, "overflow"),
        ("x + 1", {"x": "a"}, "cannot be used with string, int"),
        ("x ? 1 : 2", {"x": "yes"}, "must be true or false"),
        ("x[5] + 1", {"x": [1]}, "no item 5"),
        ("x.y + 1", {"x": None}, "has no “y”"),
        ("1.0 / 0.0", {}, "finite"),
        ("x + 1", {"x": 10**30}, "range"),
        ("foo(1)", {}, "no function “foo”"),
        ("siez([1])", {}, "Did you mean “size”"),
        ("1 +", {}, "Syntax error"),
        ("5 == 'a'", {}, "cannot be used with"),
        ("{1: 'a', true: 'b'}", {}, "stands twice"),
        ("{1: 'a', '1': 'b'}", {}, "stands twice"),
    ],
)
def test_an_error_is_raised_in_words_and_never_a_truthy_value(expression, names, words):
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, names)

    assert words.lower() in str(caught.value).lower()


def test_an_unknown_name_is_named_with_the_nearest_known_one():
    with pytest.raises(ExpressionError, match="Unknown name “varaibles”. Did you mean “variables”"):
        evaluate("varaibles.a", {"variables": {}, "steps": {}})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m", " Did you mean “n”?"),
        ("i", " Did you mean “id”?"),
        ("zebra", " Known here: id, n, variables."),
    ],
)
def test_short_names_are_near_by_a_letter_and_where_nothing_is_near_all_are_told(name, words):
    with pytest.raises(ExpressionError) as caught:
        evaluate(f"{name} + 1", {"variables": {}, "n": 1, "id": 2})
    assert caught.value.message == f"Unknown name “{name}”.{words}"


def test_of_many_known_names_a_few_are_told():
    with pytest.raises(ExpressionError) as caught:
        evaluate("x.zebra", {"x": {f"name_{number}": 1 for number in range(20)} | {"long" * 30: 1}})
    assert "name_14 and 13 more." in caught.value.message and len(caught.value.message) < 200


@pytest.mark.parametrize("expression", ["steps.fetsh.result", "size(steps.fetsh.result)", "steps['fetsh'].result == 1"])
def test_an_unknown_step_is_named_with_the_nearest_known_one(expression):
    with pytest.raises(ExpressionError, match="no “fetsh” in steps. Did you mean “fetch”"):
        evaluate(expression, {"steps": {"fetch": {"result": 1}}})


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
@pytest.mark.parametrize("expression", ["x", "x + 'c'", "[x]"])
def test_text_that_the_library_would_cut_or_crash_on_is_refused(expression, text):
    with pytest.raises(ExpressionError, match="character"):
        evaluate(expression, {"x": text})


def test_only_the_used_parts_of_the_data_are_read():
    class Untouchable(dict):
        def __getitem__(self, key):
            raise AssertionError("read without need")

        items = values = __iter__ = None

    names = {
        "steps": {"a": {"result": 1, "error": Untouchable(b=1)}, "b": Untouchable(c=1)},
        "variables": Untouchable(),
    }

    assert evaluate("steps.a.result + 1", names) == 2


def test_names_of_a_macro_hide_outer_names():
    tree = compile_expression("courses.map(steps, steps.name + other.x)").tree

    assert set(tree.chains) == {("courses",), ("other", "x")}


def test_unused_names_may_hold_anything():
    assert evaluate("a + 1", {"a": 1, "b": object(), "c": "\x00"}) == 2


def test_data_nested_without_end_is_refused():
    deep: list = []
    for _ in range(5000):
        deep = [deep]

    for expression in ("x", "size(x)"):
        with pytest.raises(ExpressionError, match="nested deeper"):
            evaluate(expression, {"x": deep})


def test_oversized_expression_data_and_result_are_refused():
    with pytest.raises(ExpressionError, match="10,000 are allowed"):
        evaluate("1 + " * 3000 + "1", {})
    with pytest.raises(ExpressionError, match="data that the expression uses is too large"):
        evaluate("size(x)", {"x": "a" * 9_000_000})
    with pytest.raises(ExpressionError, match="result is too large"):
        evaluate("x", {"x": "a" * 1_100_000})
    with pytest.raises(ExpressionError, match="32 levels"):
        evaluate("(" * 300 + "1" + ")" * 300, {})


class TestConversions:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("timestamp('2026-01-01T01:00:00+01:00')", "2026-01-01T00:00:00Z"),
            ("duration('90m')", "5400s"),
            ("duration('-1.5s')", "-1.5s"),
            ("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", "86400s"),
            ("b'\\xff\\x00a'", "/wBh"),
            ("{1: 'a', 2: 'b'}", {"1": "a", "2": "b"}),
            ("{true: 1}", {"true": 1}),
            ("type(1)", "int"),
            ("18446744073709551615u", 18446744073709551615),
            ("[dyn(1), 'a', null, {'b': duration('1s')}]", [1, "a", None, {"b": "1s"}]),
        ],
    )
    def test_every_cel_value_becomes_what_json_can_carry(self, expression, expected):
        assert evaluate(expression, {}) == expected

    def test_moments_may_be_given_as_python_objects(self):
        names = {"trigger": {"at": datetime(2026, 5, 1, tzinfo=UTC)}}

        assert evaluate("timestamp(trigger.at).getMonth()", names) == 4
        assert evaluate("trigger.at", names) == "2026-05-01T00:00:00Z"


class TestCondition:
    def test_braces_around_it_are_allowed(self):
        assert condition("{{ x > 1 }}", {"x": 2}) is True
        assert condition(" x > 1 ", {"x": 1}) is False

    @pytest.mark.parametrize("expression", ["1", "'yes'", "x", "[]", "null"])
    def test_anything_but_true_or_false_is_refused(self, expression):
        with pytest.raises(ExpressionError, match="must be true or false"):
            condition(expression, {"x": {"a": 1}})


class TestCostlyExpressions:
    def test_nested_macros_run_in_another_process(self):
        assert compile_expression("x.map(a, x.map(b, b))").is_costly(10)
        assert not compile_expression("x.map(a, a)").is_costly(10)
        assert evaluate("x.map(a, x.map(b, a * b))", {"x": [1, 2, 3]}) == [[1, 2, 3], [2, 4, 6], [3, 6, 9]]
        assert evaluator._child is not None and evaluator._child.pid != os.getpid()

    def test_a_macro_over_many_items_runs_in_another_process(self):
        assert compile_expression("x.map(a, a)").is_costly(8_100)

    def test_an_expression_that_takes_too_long_is_killed_and_the_next_one_works(self):
        own = KillableEvaluator()
        try:
            own.evaluate("1 + 1", {})
            started = time.monotonic()

            with pytest.raises(Refused, match="took too long"):
                own.evaluate("size(x.map(a, a))", {"x": list(range(9_900))}, time_limit_s=0.3)

            assert time.monotonic() - started < 2.5
            assert own.evaluate("x + 1", {"x": 2**53}) == 2**53 + 1
        finally:
            own.close()

    def test_too_many_items_are_refused_in_words(self):
        with pytest.raises(ExpressionError, match="10,000 are allowed|took too long"):
            evaluate("x.exists(a, a < 0)", {"x": list(range(10_100))})

    def test_text_that_multiplies_cannot_eat_the_memory_of_this_process(self):
        names = {"x": "a" * 300_000}

        with pytest.raises(ExpressionError, match="too much memory|too large|took too long"):
            evaluate("x.replace('a', x).replace('a', x)", names)

        assert evaluate("size(x)", names) == 300_000

    def test_errors_cross_from_the_other_process(self):
        with pytest.raises(ExpressionError, match="Divide by zero"):
            evaluate("x.map(a, x.map(b, a / 0))", {"x": [1]})

    def test_a_forked_process_uses_a_child_of_its_own(self):
        evaluate("[1].map(a, [2].map(b, b))", {})
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            answer = evaluate("[1].map(a, [2].map(b, b))", {})
            os.write(writer, b"same" if evaluator._owner_pid != os.getpid() or answer != [[2]] else b"own")
            evaluator.close()
            os._exit(0)
        os.waitpid(pid, 0)

        assert os.read(reader, 10) == b"own"
        assert evaluate("[1].map(a, [2].map(b, b))", {}) == [[2]]
