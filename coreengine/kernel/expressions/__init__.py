"""The product's one language for conditions and templates: CEL, and `{{ CEL }}` inside texts.

`evaluate`, `condition` and `render` use it; `check`, `check_expression`, `check_condition` find faults before
saving; `uses` and `expression_uses` tell what an expression reads. Plain Python: no Django in here.
"""

from .checking import Use, check, check_condition, check_expression, expression_uses, uses
from .errors import ExpressionError, Problem, nearest, nearest_or_all
from .language import as_text, bare, condition, evaluate, render
from .syntax import sole_expression

__all__ = [
    "ExpressionError",
    "Problem",
    "Use",
    "as_text",
    "bare",
    "check",
    "check_condition",
    "check_expression",
    "condition",
    "evaluate",
    "expression_uses",
    "nearest",
    "nearest_or_all",
    "render",
    "sole_expression",
    "uses",
]
