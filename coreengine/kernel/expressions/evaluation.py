"""Compile and evaluate CEL through `cel_expr_python`, and step round its hazards.

- A runtime error comes back as a value of type ERROR whose plain value is a (truthy) text: it is raised here.
- Values lose something on their way out: `values.py`.
- Some functions answer wrongly: `replaced.py` has them, and compiling directs the calls there.
- The library collects macro results by copying, so a macro over n items costs n², and it holds the
  interpreter lock meanwhile; strings can be grown without end. `Compiled.is_costly` tells which expressions
  belong in a process that can be killed (`child.py`).

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

try:
    from .replaced import EXTENSION, FORMAT_WITH_TEXT_KEYS, OWN_NAMES, WRONG_CALLS, renamed
    from .tree import Chain, Tree, read_tree
    from .values import OPTIONAL_RESULT, Meter, Refused, from_cel, from_python, is_utf8
except ImportError:  # loaded by the child as a plain module
    from replaced import EXTENSION, FORMAT_WITH_TEXT_KEYS, OWN_NAMES, WRONG_CALLS, renamed  # type: ignore[no-redef]
    from tree import Chain, Tree, read_tree  # type: ignore[no-redef]
    from values import OPTIONAL_RESULT, Meter, Refused, from_cel, from_python, is_utf8  # type: ignore[no-redef]

MAX_EXPRESSION_LENGTH = 10_000
MAX_CONTEXT_SIZE = 8_000_000
"""Characters and values that an expression may be given (a number counts as eight)."""

# What stays in this process: each at most some 30 ms and 50 MB on a slow machine. Anything beyond goes to one
# that can be killed.
MAX_MACRO_ITEMS = 1_000
SIZE_OF_AN_ITEM = 8
MAX_GROWN_SIZE = 16_000_000
MAX_ADDED_SIZE = 4_000_000
MAX_SEARCHED_SIZE = 30_000
MAX_MATCHED_SIZE = 1_000

ADDING_CALLS = frozenset({"_+_"})
DOUBLING_CALLS = frozenset({"quote", "strings.quote"})
MULTIPLYING_CALLS = frozenset({"replace", "join", "format"})
SPLITTING_CALLS = frozenset({"split"})
SEARCHING_CALLS = frozenset({"contains", "indexOf", "lastIndexOf", "replace", "split"})
MATCHING_CALLS = frozenset({"matches"})
RISKY_CALLS = frozenset().union(ADDING_CALLS, DOUBLING_CALLS, MULTIPLYING_CALLS, SEARCHING_CALLS, MATCHING_CALLS)
OPTIONAL_CALLS = frozenset({"_?._", "_[?_]", "of", "none", "ofNonZeroValue", "or", "optMap", "optFlatMap"})

_EXTENSIONS = [
    ext_strings.ExtStrings(),
    ext_math.ExtMath(),
    ext_optional.ExtOptional(),
    ext_encoders.ExtEncoders(),
    ext_bindings.ExtBindings(),
    EXTENSION,
]
_FAULT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
FUNCTIONS = frozenset(
    """
    abs all bind bitAnd bitNot bitOr bitShiftLeft bitShiftRight bitXor bool bytes ceil charAt contains decode double
    duration dyn encode endsWith exists exists_one filter floor format getDate getDayOfMonth getDayOfWeek getDayOfYear
    getFullYear getHours getMilliseconds getMinutes getMonth getSeconds greatest has hasValue indexOf int isFinite isInf
    isNaN join lastIndexOf least lowerAscii map matches none of ofNonZeroValue optFlatMap optMap or orValue quote
    replace reverse round sign size split sqrt startsWith string substring timestamp trim trunc type uint
    upperAscii value
    """.split()
)
_MACRO_FORMS = {
    "map": "“map” takes a name and a value, as in list.map(x, x.name), or a name, a test and a value.",
    "transformList": "“transformList” is not supported: use map.",
    "transformMap": "“transformMap” is not supported: loop over the keys with map.",
    "transformMapEntry": "“transformMapEntry” is not supported: loop over the keys with map.",
    "existsOne": "“existsOne” is not supported: use exists_one, with one name and a test.",
}


@dataclass(frozen=True)
class Compiled:
    """A compiled expression, what it refers to, and the type that is known before it runs."""

    source: str
    program: Any
    tree: Tree
    type_name: str

    def is_costly(self, context_size: int) -> bool:
        """Say whether evaluating could hold the process for long or eat its memory.

        The answer is an upper bound: data of this size, through calls that add, double or multiply it, and a
        macro over what comes of that.
        """
        tree, size = self.tree, context_size + len(self.source)
        if not tree.macro_depth and RISKY_CALLS.isdisjoint(tree.calls):
            return False
        if tree.macro_depth > 1:
            return True
        if tree.macro_count and _grown(tree, tree.range_calls, size) // SIZE_OF_AN_ITEM > MAX_MACRO_ITEMS:
            return True
        grown = _grown(tree, tree.calls, size)
        if tree.body_calls & MULTIPLYING_CALLS:
            grown *= size  # as often as there are items
        if grown > (MAX_GROWN_SIZE if tree.calls.keys() & MULTIPLYING_CALLS else MAX_ADDED_SIZE):
            return True
        if size > MAX_SEARCHED_SIZE and tree.calls.keys() & SEARCHING_CALLS:
            return True
        return bool(size > MAX_MATCHED_SIZE and tree.calls.keys() & MATCHING_CALLS)


def _grown(tree: Tree, calls: Mapping[str, int], size: int) -> int:
    """How large data of this size can become through these calls."""
    adding, doubling, multiplying = (
        sum(count for name, count in calls.items() if name in kind)
        for kind in (ADDING_CALLS, DOUBLING_CALLS, MULTIPLYING_CALLS)
    )
    if calls.keys() & SPLITTING_CALLS:
        size *= SIZE_OF_AN_ITEM  # every character becomes an item
    # One macro after the other can add what the first has added: a + a of a + a.
    added = size << min(adding, 64) if tree.macro_count > 1 else size * (1 + adding)
    return added ** (1 + multiplying) << doubling


@lru_cache(maxsize=2048)
def compile_expression(source: str) -> Compiled:
    """Compile once; later calls are answered from memory.

    Raises:
        Refused: it does not parse, has a type fault, or calls an unknown function.
    """
    if len(source) > MAX_EXPRESSION_LENGTH:
        raise Refused(f"The expression has {len(source):,} characters; {MAX_EXPRESSION_LENGTH:,} are allowed.")
    if "\x00" in source or not is_utf8(source):
        raise Refused("The expression contains a character that cannot be stored.")
    try:
        parsed = _environment(frozenset()).compile(source, disable_check=True)
        tree = read_tree(parsed.serialize())
        _refuse_unsupported(source, tree)
        environment = _environment(frozenset(tree.roots))
        program = environment.compile(source)
        type_name = program.return_type().name()
        if not WRONG_CALLS.isdisjoint(tree.calls):
            program = environment.deserialize(renamed(program.serialize(), has_computed_keys=tree.has_computed_keys))
    except RuntimeError as error:
        raise _compile_fault(source, str(error)) from None
    return Compiled(source, program, tree, type_name)


def _refuse_unsupported(source: str, tree: Tree) -> None:
    """Refuse what parses, and what the library would refuse in riddles or get wrong."""
    if tree.repeated_keys:
        raise Refused(f"The key {tree.repeated_keys[0]} stands twice in a map.")
    for name, offset in tree.unexpanded_macros:
        form = _MACRO_FORMS.get(name, f"“{name}” takes a name and a test, as in list.{name}(x, x.done).")
        before = source[:offset]
        raise Refused(form, before.count("\n") + 1, offset - before.rfind("\n"))
    if tree.message_names:
        raise Refused(f"“{tree.message_names[0]}” cannot be made here: write a map, such as {{'name': 1}}.")


@lru_cache(maxsize=512)
def _environment(names: frozenset[str]) -> Any:
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN), extensions=_EXTENSIONS)


def evaluate_compiled(compiled: Compiled, context: Mapping[str, Any]) -> Any:
    """Evaluate with a context that `prepare` made.

    Raises:
        Refused: the expression has no value, or one that cannot be carried on.
    """
    try:
        value = compiled.program.eval(data=context)
    except RuntimeError as error:
        raise Refused(_plain_words(str(error))) from None
    tree = compiled.tree
    if value.type().name() == "ERROR":
        try:
            raise Refused(_plain_words(str(value.plain_value())))
        except TypeError:
            raise Refused(OPTIONAL_RESULT) from None
    # Asking the library for the plain value of a list that holds an optional ends the process.
    may_hold_optionals = not OPTIONAL_CALLS.isdisjoint(tree.calls)
    return from_cel(value, has_computed_keys=tree.has_computed_keys, may_hold_optionals=may_hold_optionals)


def prepare(tree: Tree, names: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Copy only the parts of the data that an expression uses. Returns them with their size.

    Names that are missing stay missing; the caller has refused unknown first names before.
    """
    meter = Meter(MAX_CONTEXT_SIZE, "The data that the expression uses")
    context: dict[str, Any] = {}
    for chain in tree.shortest_chains:
        _copy(chain, names, context, meter)
    return context, meter.used


def _copy(chain: Chain, names: Mapping[str, Any], context: dict[str, Any], meter: Meter) -> None:
    source: Any = names
    target = context
    for name in chain[:-1]:
        if not isinstance(source, Mapping) or name not in source:
            return
        source = source[name]
        if not isinstance(source, Mapping):
            target[name] = from_python(source, meter)
            return
        target = target.setdefault(name, {})
    if isinstance(source, Mapping) and chain[-1] in source:
        target[chain[-1]] = from_python(source[chain[-1]], meter)


def _compile_fault(source: str, raw: str) -> Refused:
    found = _FAULT.search(raw)
    if not found:
        return Refused(_plain_words(raw))
    line, column, message = max(0, int(found[1])), max(0, int(found[2])), found[3]
    message = message.removesuffix(" (in container '')")
    if "max recursion depth" in message:
        return Refused("The expression is nested too deep: 32 levels are allowed.")
    unknown = re.match(r"undeclared reference to '([^']+)'", message)
    if unknown:
        return Refused(f"There is no function “{unknown[1]}”.", line, column, unknown_function=unknown[1])
    overload = re.match(r"found no matching overload for '([^']+)' applied to '(.*)'", message)
    if overload:
        name, types = _operator(overload[1]), overload[2].removeprefix("(").removesuffix(")")
        hint = ""
        if name in ("==", "!=", "<", "<=", ">", ">="):
            hint = " Both sides need one type; dyn(…) around one of them compares anyway."
        elif name in ("+", "-", "*", "/", "%"):
            hint = " Convert one side, with int(…), double(…) or string(…)."
        return Refused(f"“{name}” cannot be used with {types}.{hint}", line, column)
    if message.startswith("Syntax error"):
        message = re.sub(r" expecting \{.*", "", message).replace("<EOF>", "the end")
        message = re.sub(r"token recognition error at: ", "unexpected ", message)
        return Refused(message[0].upper() + message[1:] + ".", line, column)
    return Refused(f"{message}.", line, column)


def _plain_words(raw: str) -> str:
    """The library's message without its machinery."""
    raw = re.sub(r"^[A-Z_]+: ", "", raw)
    raw = re.sub(r" \[[A-Z_]+\]$", "", raw)
    raw = raw.replace(FORMAT_WITH_TEXT_KEYS, "format")
    for name, own_name in OWN_NAMES.items():
        raw = raw.replace(own_name, name)
    raw = raw.replace("math.@min", "math.least").replace("math.@max", "math.greatest")
    if "Iteration budget exceeded" in raw:
        return "The expression loops over too many items: 10,000 are allowed."
    if "recursion limit" in raw:
        return "The expression is nested too deep: 32 levels are allowed."
    if "jump_condition" in raw or "<jump" in raw:
        return "The part before ? (or beside && and ||) must be true or false."
    if raw.startswith("Unsupported map key type"):
        return "The keys of a map are texts, whole numbers or truth values."
    missing = re.match(r'Key not found in map : "?(.*?)"?$', raw)
    if missing:
        return f"There is no “{missing[1]}” there."
    index = re.match(r"Index error: index=(-?\d+) size=(\d+)", raw)
    if index:
        return f"There is no item {index[1]} in a list of {index[2]}."
    if "Applying SELECT to non-message type" in raw:
        return "A field is asked of a value that has none (null, a text, a number or a list)."
    overload = re.match(r"No matching overloads? found : (\S+?)\((.*)\)", raw)
    if overload:
        return f"“{_operator(overload[1])}” cannot be used with {overload[2]}."
    return raw[:1].upper() + raw[1:] + ("" if raw.endswith(".") else ".")


def _operator(name: str) -> str:
    """How a function or an operator (`_[_]`, `_?_:_`, `!_`) is written."""
    return {"_[_]": "[ ]", "_[?_]": "[? ]", "_?_:_": "? :", "@in": "in"}.get(name, name.strip("_"))
