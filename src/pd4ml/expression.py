"""Expressions over columns, such as ``pt > 500 and abs(eta) < 2``: parsed, checked, and never given to Python.

``and``, ``or`` and ``not`` work value by value; comparisons can be chained; ``x in (1, 2)`` is allowed. Of columns
that are ragged (awkward arrays) ``sum``, ``mean``, ``count``, ``any``, ``all``, ``least`` and ``largest`` make one
number of an event's entries.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from pd4ml.errors import DataError, one_line, unknown_name

__all__ = ["FUNCTIONS", "Expression"]

_MOST_CHARACTERS, _MOST_PARTS = 2_000, 500
_LARGEST_POWER = 16


def _over_entries(name: str, values: Any) -> Any:
    """One number of the entries of each event."""
    import awkward as ak

    if getattr(values, "ndim", 0) < 2:
        raise DataError(f"{name} is for columns with several entries an event, found one number an event")
    found = getattr(ak, name)(values, axis=1)
    return ak.to_numpy(ak.fill_none(found, np.nan)) if name in ("min", "max", "mean") else ak.to_numpy(found)


def _reduction(name: str) -> Callable[[Any], Any]:
    return lambda values: _over_entries(name, values)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("sqrt", "exp", "log", "log10", "log1p", "sign", "floor", "ceil")},
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2")},
    **{name: getattr(np, name) for name in ("sinh", "cosh", "tanh", "arcsinh", "arctanh", "hypot")},
    "abs": np.abs,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "isfinite": np.isfinite,
    **{name: _reduction(name) for name in ("sum", "mean", "count", "any", "all")},
    "least": _reduction("min"),
    "largest": _reduction("max"),
}
"""What an expression may call."""

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.Invert: np.logical_not,
}


class Expression:
    """An expression over columns.

    Parameters
    ----------
    text : str
        What was typed. A column whose name is no identifier stands in backquotes.

    Raises
    ------
    DataError
        For what is no expression, or has parts that are not allowed.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip() or len(text) > _MOST_CHARACTERS:
            raise DataError(f"an expression is text of 1 to {_MOST_CHARACTERS:,} characters, found {text!r}"[:200])
        self.text = text.strip()
        self._quoted: dict[str, str] = {}
        try:
            tree = ast.parse(self._unquoted(self.text), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise DataError(f"expression {one_line(self.text)!r} cannot be read: {reason}") from None
        parts = list(ast.walk(tree))
        if len(parts) > _MOST_PARTS:
            raise DataError(f"expression {one_line(self.text)!r} has more than {_MOST_PARTS} parts")
        for node in parts:
            self._allow(node)
        called = {id(node.func) for node in parts if isinstance(node, ast.Call)}
        names = (node for node in parts if isinstance(node, ast.Name) and id(node) not in called)
        self.columns = tuple(dict.fromkeys(self._quoted.get(node.id, node.id) for node in names))
        self._body = tree.body

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __call__(self, columns: Mapping[str, Any]) -> Any:
        """The value for each event.

        Parameters
        ----------
        columns : Mapping[str, Any]
            Arrays (N, ...) by name, those of ``self.columns`` among them.

        Returns
        -------
        Any
            (N, ...); of ragged columns an awkward array.

        Raises
        ------
        UnknownNameError
            For a column that is not there.
        DataError
            For shapes or types that do not go together.
        """
        for name in self.columns:
            if name not in columns:
                raise unknown_name("column", name, list(columns))
        try:
            with np.errstate(all="ignore"):
                return self._value(self._body, columns)
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise DataError(f"expression {one_line(self.text)!r}: {one_line(str(error))}") from error

    def mask(self, columns: Mapping[str, Any], n_events: int) -> Any:
        """(N,) bool: for which events it holds; DataError if it is no yes or no for each event."""
        found = self(columns)
        if type(found).__module__.partition(".")[0] == "awkward" and getattr(found, "ndim", 1) == 1:
            found = found.to_numpy()
        if getattr(found, "shape", None) != (n_events,) or found.dtype != bool:
            raise DataError(
                f"expression {one_line(self.text)!r} must be yes or no for each event, such as pt > 500"
            )
        return found

    def _unquoted(self, text: str) -> str:
        """The text with identifiers in place of what stands in backquotes."""
        pieces = text.split("`")
        if len(pieces) % 2 == 0:
            raise DataError(f"expression {one_line(text)!r} has an odd number of backquotes")
        for place in range(1, len(pieces), 2):
            name = f"quoted_{place}_"
            self._quoted[name], pieces[place] = pieces[place], name
        return "".join(pieces)

    def _allow(self, node: ast.AST) -> None:
        allowed = (
            *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.In, ast.NotIn, ast.BinOp, ast.Pow),
            *(ast.UnaryOp, ast.Name, ast.Load, ast.Tuple, ast.List, *_BINARY, *_COMPARED, *_UNARY),
        )
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.keywords:
                raise DataError(f"expression {one_line(self.text)!r}: only functions are called, by their names")
            if node.func.id not in FUNCTIONS:
                raise unknown_name("function", node.func.id, FUNCTIONS)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float | str) or len(str(node.value)) > 100:
                raise DataError(f"expression {one_line(self.text)!r}: constants are numbers or short texts")
        elif not isinstance(node, allowed):
            kind = type(node).__name__
            raise DataError(f"expression {one_line(self.text)!r}: {kind} is not allowed, only columns and numbers")

    def _value(self, node: ast.expr, columns: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return columns[self._quoted.get(node.id, node.id)]
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            function = FUNCTIONS[node.func.id]
            if (wanted := getattr(function, "nin", 1)) != len(node.args):  # one more would be written to
                raise DataError(f"expression {one_line(self.text)!r}: {node.func.id} takes {wanted} of them")
            return function(*(self._value(part, columns) for part in node.args))
        if isinstance(node, ast.UnaryOp):
            return _UNARY[type(node.op)](self._value(node.operand, columns))
        if isinstance(node, ast.BoolOp):
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return reduce(combine, (self._value(part, columns) for part in node.values))
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, columns), self._value(node.right, columns)
            if isinstance(left, str) or isinstance(right, str):
                raise DataError(f"expression {one_line(self.text)!r}: texts are only compared")
            return (
                self._power(left, right) if isinstance(node.op, ast.Pow) else _BINARY[type(node.op)](left, right)
            )
        if isinstance(node, ast.Compare):
            return reduce(np.logical_and, self._comparisons(node, columns))
        raise DataError(f"expression {one_line(self.text)!r}: a list stands only behind `in`")

    def _comparisons(self, node: ast.Compare, columns: Mapping[str, Any]) -> Iterable[Any]:
        left = self._value(node.left, columns)
        for op, part in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(part, ast.Tuple | ast.List) or not part.elts:
                    raise DataError(f"expression {one_line(self.text)!r}: `in` takes values, such as in (1, 2)")
                found = reduce(np.logical_or, (left == self._value(each, columns) for each in part.elts))
                yield np.logical_not(found) if isinstance(op, ast.NotIn) else found
            else:
                right = self._value(part, columns)
                yield _COMPARED[type(op)](left, right)
                left = right

    def _power(self, base: Any, exponent: Any) -> Any:
        """A power; whole numbers that would grow without end are refused."""
        if np.ndim(exponent) or isinstance(exponent, str) or abs(exponent) > _LARGEST_POWER:
            raise DataError(f"expression {one_line(self.text)!r}: a power is a number up to {_LARGEST_POWER}")
        return np.power(np.asarray(base, np.float64) if np.isscalar(base) else base, float(exponent))
