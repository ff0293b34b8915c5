"""Which part of a split is taken: places, a share of the groups, or what an expression selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_name
from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.expression import Expression
from pd4ml.storage.store import Array, Events

__all__ = ["Chosen", "Rule", "Selected", "Share", "column", "columns_of"]

_SELECTED_AT_ONCE = 10_000


class Rule(Protocol):
    """How a part of a split is chosen."""

    def places(self, events: Events, card: Card) -> NDArray[np.int64]:
        """The places of the chosen events, rising."""


@dataclass(frozen=True)
class Chosen:
    """Events named by their places in a split; other splits stay whole. ``index`` are the bytes of int64."""

    split: str
    index: bytes

    def places(self, events: Events, card: Card) -> NDArray[np.int64]:
        """The places, if it is the rule's split."""
        if events.split != self.split:
            return np.arange(len(events))
        found = np.frombuffer(self.index, np.int64)
        if len(found) and found[-1] >= len(events):
            raise DataError(f"event {found[-1]} of {len(events):,} events of split {self.split} was chosen")
        return found


@dataclass(frozen=True)
class Share:
    """The events from a ``start`` to a ``stop`` (shares from 0 to 1) of a random order, anew for each split.

    Events of a group (``Card.group``) stay together. ``by`` names an array: the order is then the random one to
    the share 1 - ``skew``, and by rank in that array to the share ``skew``.
    """

    start: float
    stop: float
    seed: int = 0
    by: str = ""
    skew: float = 0.0

    def places(self, events: Events, card: Card) -> NDArray[np.int64]:
        """The places of this share."""
        groups = np.asarray(events[card.group]) if card.group and card.group in events else None
        codes = np.arange(len(events)) if groups is None else np.unique(groups, return_inverse=True)[1]
        n_units = int(codes.max()) + 1 if len(codes) else 0
        rng = np.random.default_rng([self.seed, len(events)])
        key = rng.permutation(n_units) / max(n_units, 1)
        if self.by:
            values = np.asarray(events[self.by], np.float64)
            if values.ndim != 1:
                raise DataError(f"{self.by} is no number of each event, and cannot order them")
            of_unit = np.bincount(codes, values, n_units) / np.bincount(codes, minlength=n_units)
            rank = np.empty(n_units)
            rank[np.lexsort((key, of_unit))] = np.arange(n_units) / max(n_units, 1)
            key = (1 - self.skew) * key + self.skew * rank
        order = np.argsort(key, kind="stable")
        low, high = round(self.start * n_units), round(self.stop * n_units)
        chosen = np.zeros(n_units, bool)
        chosen[order[low:high]] = True
        return np.flatnonzero(chosen[codes])


@dataclass(frozen=True)
class Selected:
    """The events for which an expression over arrays holds, in every split."""

    text: str

    def places(self, events: Events, card: Card) -> NDArray[np.int64]:
        """The places of the selected events; arrays are read some events at a time."""
        expression = Expression(self.text)
        columns = columns_of(events, card)
        for name in expression.columns:
            as_name("column", name, columns)
        arrays = {name: columns[name] for name in expression.columns}
        found = [np.zeros(0, bool)]
        for start in range(0, len(events), _SELECTED_AT_ONCE):
            rows = slice(start, min(start + _SELECTED_AT_ONCE, len(events)))
            here = {name: column(events[array][rows], place) for name, (array, place) in arrays.items()}
            found.append(expression.mask(here, rows.stop - rows.start))
        return np.flatnonzero(np.concatenate(found))


def columns_of(events: Events, card: Card) -> dict[str, tuple[str, int | None]]:
    """What expressions may name: arrays with an axis of events, and their columns; name -> array, column."""
    found: dict[str, tuple[str, int | None]] = {}
    for spec in card.arrays:
        if spec.per_event and spec.name in events:
            found |= {column: (spec.name, i) for i, column in enumerate(spec.columns) if column not in found}
            found[spec.name] = (spec.name, None)
    return found | {name: (name, None) for name, _ in events.items() if name not in found}


def column(array: Array, place: int | None) -> Array:
    """A column of an array, or all of it."""
    return array if place is None else array[..., place]
