"""What is known of somebody's own data: the card, what its arrays are, and how its events become graphs.

It is kept as plain JSON in the manifest of the events and in the features of a trained model, so that neither
needs any code of the person's who made them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Self, get_args

from pd4ml.arguments import as_name, as_whole
from pd4ml.card import ArraySpec, Card, Citation, Task, Variant
from pd4ml.errors import DataError, one_line

__all__ = ["ROLES", "SOURCE", "UNKNOWN", "GraphOptions", "Layout"]

SOURCE = "own"
UNKNOWN = "unknown"
ROLES = ("event", "set", "grid")
"""What an input array can be: numbers of the event, a set of entries such as particles, or an image."""

_FORMAT = 1


@dataclass(frozen=True)
class GraphOptions:
    """How events become graphs.

    Parameters
    ----------
    kind : str
        ``knn``: each entry is joined to its ``k`` nearest in ``coordinates``; ``grid``: each pixel to those around
        it; ``none``: no edges.
    coordinates : tuple[str, ...]
        Names of columns; none: all columns, standardised.
    period : tuple[float, ...]
        That of each coordinate, 0 where it has none: 6.2832 for an azimuth in radians.
    k : int
        Neighbours.
    max_nodes : int
        Entries of an event that are kept: the first.
    """

    kind: str = "knn"
    coordinates: tuple[str, ...] = ()
    period: tuple[float, ...] = ()
    k: int = 16
    max_nodes: int = 1024

    def __post_init__(self) -> None:
        as_name("kind of graph", self.kind, ("knn", "grid", "none"))
        as_whole("k", self.k, 1)
        as_whole("max_nodes", self.max_nodes, 1)
        if self.period and len(self.period) != len(self.coordinates):
            raise DataError(f"{len(self.coordinates)} coordinates need as many periods, found {len(self.period)}")

    def __str__(self) -> str:
        if self.kind == "grid":
            return "pixels are nodes, each joined to those around it"
        if self.kind == "none":
            return f"entries are nodes, the first {self.max_nodes:,} of an event, without edges"
        where = ", ".join(self.coordinates) or "all columns, standardised"
        return f"entries are nodes, the first {self.max_nodes:,}, each joined to its {self.k} nearest in {where}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From a table of a file; DataError for what is none."""
        known = {"kind", "coordinates", "period", "k", "max_nodes"}
        for name in values:
            as_name("key of graph", name, known)
        given = dict(values)
        for name in ("coordinates", "period"):
            if name in given:
                given[name] = _tuple(f"graph.{name}", given[name], str if name == "coordinates" else (int, float))
        return cls(**given)


@dataclass(frozen=True)
class Layout:
    """A card, the role of each input array, and how events become graphs."""

    card: Card
    roles: Mapping[str, str]
    graph: GraphOptions = field(default_factory=GraphOptions)

    def __post_init__(self) -> None:
        for spec in self.card.inputs:
            as_name(f"role of {spec.name}", self.roles.get(spec.name), ROLES)

    def of_role(self, role: str) -> list[ArraySpec]:
        """The input arrays of a role."""
        return [spec for spec in self.card.inputs if self.roles[spec.name] == role]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        card = self.card
        texts = ("name", "version", "title", "task", "description", "graph", "licence", "group", "weight")
        facts = {name: getattr(card, name) for name in texts}
        return {
            "format": _FORMAT,
            "card": {
                **facts,
                "classes": list(card.classes),
                "unknown": list(card.unknown),
                "splits": dict(card.splits),
                "citations": [asdict(citation) for citation in card.citations],
                **{kind: [_spec_dict(spec) for spec in getattr(card, kind)] for kind in ("inputs", "extras")},
                "target": _spec_dict(card.target),
            },
            "roles": dict(self.roles),
            "graph": {**asdict(self.graph), "coordinates": list(self.graph.coordinates),
                      "period": list(self.graph.period)},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` gave; DataError in one line for anything else."""
        try:
            if values["format"] != _FORMAT:
                raise DataError(f"own data of format {values['format']!r}, this version reads {_FORMAT}")
            return cls(_card(values["card"]), MappingProxyType(dict(values["roles"])),
                       GraphOptions.from_dict(values["graph"]))  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this describes no own data ({one_line(repr(error))}): make it again") from error


def _spec_dict(spec: ArraySpec) -> dict[str, Any]:
    given = asdict(spec)
    return {**given, **{name: list(given[name]) for name in ("shape", "non_negative", "columns")}}


def _spec(values: Mapping[str, Any]) -> ArraySpec:
    given = dict(values)
    for name, kind in (("shape", int), ("non_negative", int), ("columns", str)):
        given[name] = _tuple(name, given[name], kind)
    spec = ArraySpec(**given)
    for name in ("name", "dtype", "unit", "description"):
        _text(name, getattr(spec, name))
    return spec


def _card(values: Mapping[str, Any]) -> Card:
    texts = ("name", "version", "title", "task", "description", "licence", "group", "weight")
    facts = {name: _text(name, values[name]) for name in texts}
    as_name("task", facts["task"], get_args(Task))
    splits = {_text("split", name): as_whole(f"events of {name}", n, 0) for name, n in values["splits"].items()}
    return Card(
        **facts,  # type: ignore[arg-type]
        classes=_tuple("classes", values["classes"], str),
        unknown=_tuple("unknown", values["unknown"], str),
        splits=MappingProxyType(splits),
        citations=tuple(
            Citation(_text("key", c["key"]), _text("bibtex", c["bibtex"])) for c in values["citations"]
        ),
        inputs=tuple(map(_spec, values["inputs"])),
        extras=tuple(map(_spec, values["extras"])),
        target=_spec(values["target"]),
        sources=(),
        variants=MappingProxyType({"default": Variant("as they were handed in")}),
        graph=values["graph"],
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"{name} must be text, found {value!r}"[:200])
    return value


def _tuple(name: str, values: Any, kind: Any) -> tuple[Any, ...]:
    good = isinstance(values, list | tuple) and all(
        isinstance(v, kind) and not isinstance(v, bool) for v in values
    )
    if not good:
        raise DataError(f"{name} must be a list, found {values!r}"[:200])
    return tuple(values)
