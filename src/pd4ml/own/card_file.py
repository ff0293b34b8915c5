"""The card of files that are to become a dataset: a TOML file that says which columns are what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from pd4ml.arguments import as_name
from pd4ml.errors import DataError, StoreError, one_line
from pd4ml.expression import Expression
from pd4ml.own.layout import ROLES, UNKNOWN
from pd4ml.own.split import Splitting
from pd4ml.storage.disk import refused
from pd4ml.storage.small import read_toml

__all__ = ["CardFile", "InputColumns"]

_MOST_BYTES = 1 << 20
_TEXTS = ("name", "title", "description", "licence", "citation", "task", "select", "group", "weight", "inside")
_TABLES = ("inputs", "target", "extras", "split", "graph", "classes")


@dataclass(frozen=True)
class InputColumns:
    """One input array: its columns, each an expression over those of the file; ``role`` may be empty.

    ``shape`` is that of an event whose numbers lie in a row, such as an image; empty: as the file has it.
    """

    columns: Mapping[str, Expression]
    role: str = ""
    unit: Mapping[str, str] | str = UNKNOWN
    padding: float | None = None
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class CardFile:
    """What a card file says; what it leaves out is found in the data, or unknown.

    Parameters
    ----------
    name : str
        Of the dataset.
    inputs : Mapping[str, InputColumns]
        Input arrays by name; none: all columns of numbers that nothing else uses.
    target : Expression or None
        What is to be learned; none: nothing.
    texts : Mapping[str, str]
        ``title``, ``description``, ``licence``, ``citation``, ``task``, ``select`` (which events are kept),
        ``group`` and ``weight`` (columns or expressions), ``inside`` (a tree or a group of the file).
    """

    name: str
    inputs: Mapping[str, InputColumns] = field(default_factory=lambda: MappingProxyType({}))
    target: Expression | None = None
    target_unit: str = UNKNOWN
    classes: Any = ()
    extras: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    splitting: Splitting = field(default_factory=Splitting)
    split_column: str = ""
    graph: Mapping[str, Any] | None = None
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def text(self, key: str) -> str:
        """One of the ``texts``; empty if it is not said."""
        return self.texts.get(key, "")

    def expression(self, key: str) -> Expression | None:
        """One of the ``texts`` as an expression."""
        return Expression(self.text(key)) if self.text(key) else None

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a TOML file; DataError in one line for what is none."""
        try:
            values = read_toml(file, _MOST_BYTES)
        except OSError as error:
            raise StoreError(f"{file} cannot be read: {refused(error)}") from error
        except ValueError as error:
            raise DataError(f"{file} is no card: {one_line(str(error), 200)}") from error
        try:
            return cls.from_dict(values)
        except DataError as error:
            raise DataError(f"{file}: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From the tables of such a file."""
        for key in values:
            as_name("key of a card", key, (*_TEXTS, *_TABLES))
        texts = {key: values[key] for key in _TEXTS if key in values}
        for key, text in texts.items():
            if not isinstance(text, str):
                raise DataError(f"{key} must be text, found {text!r}"[:200])
        tables = {key: values.get(key, {}) for key in ("inputs", "extras", "split", "graph")}
        for key, table in tables.items():
            if not isinstance(table, Mapping):
                raise DataError(f"{key} must be a table, found {table!r}"[:200])
        target = values.get("target", {})
        target = {"value": target} if isinstance(target, str) else target
        _known("target", target, ("value", "unit"))
        split = dict(tables["split"])
        _known("split", split, ("test", "valid", "seed", "column"))
        column = split.pop("column", "")
        return cls(
            name=texts.pop("name", ""),
            inputs=MappingProxyType({name: _input(name, given) for name, given in tables["inputs"].items()}),
            target=Expression(target["value"]) if "value" in target else None,
            target_unit=str(target.get("unit", UNKNOWN)),
            classes=values.get("classes", ()),
            extras=MappingProxyType({name: Expression(text) for name, text in tables["extras"].items()}),
            splitting=Splitting(**split),
            split_column=column,
            graph=tables["graph"] or None,
            texts=MappingProxyType(texts),
        )


def _input(name: str, given: Any) -> InputColumns:
    if isinstance(given, str | list):
        given = {"columns": given}
    _known(f"inputs.{name}", given, ("columns", "role", "unit", "units", "padding", "shape"))
    columns = given.get("columns", name)
    if isinstance(columns, str):
        columns = {name: columns}
    if isinstance(columns, list):
        if not columns or not all(isinstance(column, str) for column in columns):
            raise DataError(f"inputs.{name}.columns must be names of columns, found {columns!r}"[:200])
        columns = {column: f"`{column}`" for column in columns}
    if not isinstance(columns, Mapping) or not columns:
        raise DataError(f"inputs.{name}.columns must be names of columns, or a table of expressions")
    role = given.get("role", "")
    if role:
        as_name(f"role of {name}", role, ROLES)
    unit = given.get("units", given.get("unit", UNKNOWN))
    expressions = {column: Expression(text) for column, text in columns.items()}
    padding = given.get("padding")
    if padding is not None and type(padding) not in (int, float):
        raise DataError(f"inputs.{name}.padding must be a number, found {padding!r}"[:200])
    padding = None if padding is None else float(padding)
    return InputColumns(MappingProxyType(expressions), role, unit, padding, _shape(name, given.get("shape", [])))


def _shape(name: str, given: Any) -> tuple[int, ...]:
    if not isinstance(given, list) or not all(type(n) is int and n > 0 for n in given):
        raise DataError(
            f"inputs.{name}.shape must be whole numbers above 0, such as [45, 16, 9], found {given!r}"[:200]
        )
    return tuple(given)


def _known(what: str, given: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(given, Mapping):
        raise DataError(f"{what} must be a table, found {given!r}"[:200])
    for key in given:
        as_name(f"key of {what}", key, keys)
