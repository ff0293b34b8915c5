"""The card of somebody's own events: what was told of them, and what nobody told, which is said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_name
from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.errors import DataError
from pd4ml.own.arrays import Input
from pd4ml.own.layout import UNKNOWN, GraphOptions, Layout
from pd4ml.own.split import SPLITS
from pd4ml.own.target import Target
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array

__all__ = ["Told", "layout_for", "unit_of"]


@dataclass(frozen=True)
class Told:
    """What somebody says of own data besides the numbers; what is not said is ``unknown`` on the card."""

    title: str = ""
    description: str = ""
    licence: str = UNKNOWN
    citation: str = ""
    units: Mapping[str, str] | str = UNKNOWN
    group: bool = False
    weight: bool = False


def layout_for(
    name: str,
    inputs: Sequence[Input],
    beside: Mapping[str, Array],
    target: Target,
    told: Told,
    graph: str | Mapping[str, Any] | None,
    sizes: NDArray[np.int64],
) -> Layout:
    """The card of such arrays, with what is told of them; ``sizes`` (3,) are the events of each of `SPLITS`."""
    options = GraphOptions.from_dict(graph) if isinstance(graph, Mapping) else None
    images = any(each.role == "grid" for each in inputs)
    kind = graph if isinstance(graph, str) else "grid" if images else "knn"
    options = options or GraphOptions(kind)
    unknown = [
        f"{what} of these events" for what in ("title", "description", "citation") if not getattr(told, what)
    ]
    unknown += ["under which licence they may be used"] if told.licence == UNKNOWN else []
    unknown += ["how the events were made, and whether they can be made again"]
    card = Card(
        name=name,
        version="1",
        title=told.title or "somebody's own events",
        task=target.task,
        description=told.description or "Nothing was told of these events.",
        inputs=tuple(_spec(each, told.units) for each in inputs),
        target=target.spec,
        splits=MappingProxyType({s: int(n) for s, n in zip(SPLITS, sizes, strict=True) if n or s != "valid"}),
        sources=(),
        variants=MappingProxyType({"default": Variant("as they were handed in")}),
        licence=told.licence,
        citations=(Citation(_key(told.citation) or name, told.citation),) if told.citation else (),
        extras=tuple(_extra(key, array, told.units) for key, array in beside.items()),
        classes=target.classes,
        group="group" if told.group else "",
        weight="weight" if told.weight else "",
        unknown=tuple(unknown),
        graph=str(options),
    )
    if not all(card.splits.get(split) for split in ("train", "test")):
        raise DataError(
            f"train and test need events each, found {dict(card.splits)}: more events, or other shares"
        )
    return Layout(card, MappingProxyType({each.name: each.role for each in inputs}), options)


def _key(bibtex: str) -> str:
    """By what an entry is cited."""
    found = re.match(r"\s*@\w+\{\s*([^,\s}]+)", bibtex)
    return found[1] if found else ""


def _spec(each: Input, units: Mapping[str, str] | str) -> ArraySpec:
    array = each.array
    shape = tuple(entries(array[:0])[0].shape[1:]) if is_ragged(array) else array.shape[1:]
    what = {"event": "numbers of the event", "set": "entries, in the order in which they came", "grid": "an image"}
    unit = _units(each, units)
    return ArraySpec(
        each.name,
        shape,
        "float32",
        unit,
        what[each.role],
        each.padding,
        ragged=is_ragged(array),
        columns=each.columns,
    )


def _units(each: Input, units: Mapping[str, str] | str) -> str:
    """One unit, or that of each column where they differ."""
    if isinstance(units, Mapping) and each.name not in units and each.columns:
        own = [unit_of(units, column) for column in each.columns]
        if len(set(own)) > 1:
            return ", ".join(f"{column} {unit}" for column, unit in zip(each.columns, own, strict=True))
        return own[0]
    return unit_of(units, each.name)


def unit_of(units: Mapping[str, str] | str, name: str) -> str:
    """The unit that was told of an array or column."""
    return units if isinstance(units, str) else str(units.get(name, UNKNOWN))


def _extra(name: str, array: Array, units: Mapping[str, str] | str) -> ArraySpec:
    as_name("extra", name, [name] if name.isidentifier() else [])
    content = entries(array)[0] if is_ragged(array) else array
    if content.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, found {content.dtype}")
    unit = "1" if name in ("event_id", "group", "weight") else unit_of(units, name)
    told = {
        "event_id": "number of the event as it was handed in",
        "group": "what events share that belong together",
    }
    what = told.get(name, "what each event counts" if name == "weight" else "handed in beside")
    return ArraySpec(name, content.shape[1:], str(content.dtype), unit, what, ragged=is_ragged(array))
