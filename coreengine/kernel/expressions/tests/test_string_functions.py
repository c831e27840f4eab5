"""What the specification says of texts, patterns, numbers of the math extension and base64.

Sources: https://github.com/google/cel-spec/blob/master/doc/langdef.md and doc/extensions/strings.md there;
positions count characters (code points), not bytes.
"""

import pytest

from coreengine.kernel.expressions import ExpressionError, check_expression, evaluate

DATA = {"t": "Hello, wörld 😀", "x": 255, "f": 3.14159, "names": ["b", "a"], "none": None}

VALUES = [
    ("t.contains('wör')", True),
    ("t.contains('')", True),
    ("t.contains('WÖR')", False),
    ("t.startsWith('Hell')", True),
    ("t.startsWith('ell')", False),
    ("t.endsWith('😀')", True),
    ("''.endsWith('')", True),
    ("t.size()", 14),
    ("t.charAt(8)", "ö"),
    ("t.charAt(13)", "😀"),
    ("t.charAt(14)", ""),
    ("t.indexOf('o')", 4),
    ("t.indexOf('o', 5)", -1),
    ("t.indexOf('r')", 9),
    ("t.indexOf('')", 0),
    ("'tacocat'.indexOf('a', 3)", 5),
    ("t.indexOf('none')", -1),
    ("'tacocat'.lastIndexOf('a')", 5),
    ("'tacocat'.lastIndexOf('a', 4)", 1),
    ("'tacocat'.lastIndexOf('')", 7),
    ("'tacocat'.lastIndexOf('z')", -1),
    ("['a', 'b'].join()", "ab"),
    ("['a', 'b'].join(', ')", "a, b"),
    ("[].join(', ')", ""),
    ("names.join('-')", "b-a"),
    ("'ÀBC xyz'.lowerAscii()", "Àbc xyz"),
    ("'àbc xyz'.upperAscii()", "àBC XYZ"),
    ("'a.b.c'.replace('.', '')", "abc"),
    ("'a.b.c'.replace('.', '-', 1)", "a-b.c"),
    ("'abc'.replace('', '_')", "_a_b_c_"),
    ("'abc'.replace('z', '_')", "abc"),
    ("'abc'.replace('b', '_', 0)", "abc"),
    ("'abab'.replace('a', 'x', -1)", "xbxb"),
    ("'a,b,c'.split(',')", ["a", "b", "c"]),
    ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
    ("'a,b,c'.split(',', 1)", ["a,b,c"]),
    ("'a,b,c'.split(',', 0)", []),
    ("'a,b,c'.split(',', -1)", ["a", "b", "c"]),
    ("'abö'.split('')", ["a", "b", "ö"]),
    ("''.split(',')", [""]),
    ("t.substring(7)", "wörld 😀"),
    ("t.substring(7, 9)", "wö"),
    ("t.substring(14)", ""),
    ("t.substring(0, 0)", ""),
    ("'  \\t a b \\n'.trim()", "a b"),
    ("'\\u00a0x\\u2003'.trim()", "x"),
    ("'wör'.reverse()", "röw"),
    ("strings.quote('a\"b\\n')", '"a\\"b\\n"'),
    ("'%s'.format(['a'])", "a"),
    ("'%d %% %s'.format([5, 'x'])", "5 % x"),
    ("'%s'.format([[1, 'a', null, true, 1.5]])", "[1, a, null, true, 1.5]"),
    ("'%s'.format([{'b': 1, 'a': 2}])", "{a: 2, b: 1}"),
    ("'%.2f'.format([f])", "3.14"),
    ("'%.0f'.format([2.5])", "2"),
    ("'%f'.format([1.5])", "1.500000"),
    ("'%.3e'.format([1234.5678])", "1.235e+03"),
    ("'%x %X %o %b'.format([x, x, x, 5])", "ff FF 377 101"),
    ("'%x'.format(['abc'])", "616263"),
    ("'%b'.format([true])", "1"),
    ("'%s %s'.format([none, duration('1m')])", "null 60s"),
    ("'%s'.format([timestamp('2026-01-01T00:00:00Z')])", "2026-01-01T00:00:00Z"),
    ("'%s'.format([string])", "string"),
    ("t.matches('w.rld')", True),
    ("t.matches('^w')", False),
    ("t.matches('^Hello.*😀$')", True),
    ("matches('abc', '[a-c]+')", True),
    ("'ABC'.matches('(?i)abc')", True),
    ("'2026-01-05'.matches('^\\\\d{4}-\\\\d{2}-\\\\d{2}$')", True),
    (r"'a1'.matches(r'^\w\d$')", True),
    ("'é'.matches('^.$')", True),
    ("'é'.matches('^\\\\pL$')", True),
    ("''.matches('')", True),
    ("'a\\nb'.matches('a.b')", False),
    ("'a\\nb'.matches('(?s)a.b')", True),
    ("math.greatest(1, 2.5, -3)", 2.5),
    ("math.least([3, 1, 2])", 1),
    ("math.ceil(1.2)", 2.0),
    ("math.floor(-1.2)", -2.0),
    ("math.round(2.5)", 3.0),
    ("math.round(-2.5)", -3.0),
    ("math.trunc(-1.9)", -1.0),
    ("math.abs(-5)", 5),
    ("math.sign(-0.5)", -1.0),
    ("math.isNaN(0.0 / 0.0)", True),
    ("math.isInf(1.0 / 0.0)", True),
    ("math.isFinite(1.5)", True),
    ("math.bitAnd(6, 3)", 2),
    ("math.bitOr(6, 3)", 7),
    ("math.bitXor(6, 3)", 5),
    ("math.bitNot(1)", -2),
    ("math.bitShiftLeft(1, 4)", 16),
    ("math.bitShiftRight(16, 2)", 4),
    ("base64.encode(b'hello')", "aGVsbG8="),
    ("string(base64.decode('aGVsbG8='))", "hello"),
    ("base64.encode(bytes(t.substring(7, 12)))", "d8O2cmxk"),
]

ERRORS = [
    "t.charAt(15)",
    "t.charAt(-1)",
    "t.substring(15)",
    "t.substring(3, 2)",
    "t.substring(-1)",
    "t.substring(0, 99)",
    "t.indexOf('a', 99)",
    "t.indexOf('a', -1)",
    "t.lastIndexOf('a', -1)",
    "[1, 2].join(',')",
    "names.join(none)",
    "'%d'.format(['a'])",
    "'%s'.format([])",
    "'%y'.format([1])",
    "'%f'.format([true])",
    "'%x'.format([1.5])",
    "'%.1001f'.format([1.0])",
    "'%'.format([1])",
    "none.contains('a')",
    "x.startsWith('2')",
    "t.contains(none)",
    "t.matches('[')",
    "t.matches('(?=look)')",
    "t.matches('(a)\\\\1')",
    "t.matches('a{1001}')",
    "base64.decode('%')",
    "math.abs(-9223372036854775807 - 1)",
    "math.bitShiftLeft(1, -1)",
    "math.greatest([])",
    "math.greatest(names)",
]


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[case[0] for case in VALUES])
def test_a_function_gives_what_the_specification_says(expression, value):
    assert check_expression(expression, set(DATA)) == []

    answer = evaluate(expression, DATA)

    assert (answer, type(answer)) == (value, type(value))


@pytest.mark.parametrize("expression", ERRORS)
def test_what_a_function_cannot_do_is_an_error(expression):
    with pytest.raises(ExpressionError):
        evaluate(expression, DATA)
