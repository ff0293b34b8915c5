"""Events that are there more than once: the same bytes, or nearly the same numbers.

Near duplicates are looked for among neighbours in a random projection of the standardised numbers. The distance to
the nearest neighbour is measured in units of that to the tenth: where events are independent, the ratio r follows
P(r < x) = 1 - (1 - x^m)^9 with m the dimension of the data there, which the median of r gives. A pair is near if r
is so small that a tenth of a pair is expected by chance. This finds events that were rounded, smeared a little, or
changed in a few numbers; it does not find those that were rotated or whose particles were put in another order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.audit.rows import chunks, inputs, matrix
from pd4ml.card import Card
from pd4ml.metrics.measurement import Floats
from pd4ml.progress import Progress
from pd4ml.storage.store import Events

__all__ = ["Duplicates", "NearDuplicates", "Projection", "event_hashes", "exact_duplicates", "near_duplicates"]

_DIMENSIONS = 8
_NEIGHBOURS = 10
_BY_CHANCE = 0.1
_FIT_EVENTS = 2000
_QUERIES_AT_ONCE = 10_000


@dataclass(frozen=True)
class Duplicates:
    """Events of split ``second`` that are in ``first`` too; in one split: that repeat an earlier event of it.

    ``n_other_label`` of them have another target there; ``example`` is the place of one in each split.
    """

    first: str
    second: str
    n_events: int
    n_other_label: int
    example: tuple[int, int] | None


@dataclass(frozen=True)
class NearDuplicates:
    """Of ``n_looked_at`` events of split ``second``, those with a near, not exact, duplicate in ``first``.

    ``threshold`` is the ratio of distances they lie below, ``expected_by_chance`` the number that independent
    events would give. ``example`` is the place of the closest in each split.
    """

    first: str
    second: str
    n_looked_at: int
    n_events: int
    expected_by_chance: float
    threshold: float
    example: tuple[int, int] | None


def event_hashes(events: Events, card: Card, bar: Progress) -> NDArray[np.uint64]:
    """(N,) hash of the bytes of each event's inputs.

    64 bits: among two million events, the chance that any two different ones agree is 1e-7.
    """
    found = []
    for arrays in chunks(events, inputs(card)):
        rows = np.concatenate([a.reshape(len(a), -1).view(np.uint8) for a in arrays], axis=1)
        digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)
        found.append(np.frombuffer(digests, np.uint64))
        bar.advance(len(rows))
    return np.concatenate(found)


def exact_duplicates(
    first: Events, second: Events, hashes: tuple[NDArray[np.uint64], NDArray[np.uint64]]
) -> Duplicates:
    """Events of ``second`` that are in ``first``; the two may be the same split."""
    distinct, place = np.unique(hashes[0], return_index=True)
    position = np.minimum(np.searchsorted(distinct, hashes[1]), len(distinct) - 1)
    there, earlier = distinct[position] == hashes[1], place[position]
    if first.split == second.split:
        there &= earlier != np.arange(len(hashes[1]))
    mine = np.flatnonzero(there)
    theirs = earlier[mine]
    differ = _other_labels(first, second, theirs, mine) if len(mine) else 0
    example = (int(theirs[0]), int(mine[0])) if len(mine) else None
    return Duplicates(first.split, second.split, len(mine), differ, example)


def _other_labels(first: Events, second: Events, theirs: NDArray[np.int64], mine: NDArray[np.int64]) -> int:
    """How many of the events ``mine`` of ``second`` have another target than ``theirs`` of ``first``."""
    if first.manifest.target not in dict(first.items()):
        return 0
    differ = np.asarray(first.y)[theirs] != np.asarray(second.y)[mine]
    return int(differ.reshape(len(mine), -1).any(axis=1).sum())


class Projection:
    """A random projection to eight dimensions of an event's standardised numbers.

    Mean and spread are those of 2,000 events; the inverse hyperbolic sine keeps a few large numbers from deciding.
    """

    def __init__(self, events: Events, card: Card, rng: np.random.Generator) -> None:
        self.names = inputs(card)
        index = np.sort(rng.choice(len(events), min(_FIT_EVENTS, len(events)), replace=False))
        sample = np.concatenate([matrix(arrays) for arrays in chunks(events, self.names, index)])
        self.mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = sample.std(axis=0, dtype=np.float64)
        self.scale = np.divide(1, spread, where=spread > 0, out=np.zeros_like(spread)).astype(np.float32)
        n_columns = len(self.mean)
        self.directions = rng.normal(0, n_columns**-0.5, (n_columns, _DIMENSIONS)).astype(np.float32)

    def __call__(self, events: Events, index: NDArray[np.int64], bar: Progress) -> Floats:
        """(n, 8) coordinates of the events ``index``."""
        found = []
        for arrays in chunks(events, self.names, index):
            found.append(np.arcsinh((matrix(arrays) - self.mean) * self.scale) @ self.directions)
            bar.advance(len(arrays[0]))
        return np.concatenate(found).astype(np.float64)


@dataclass(frozen=True)
class _Sample:
    """Events of a split: their places, coordinates and hashes."""

    split: str
    index: NDArray[np.int64]
    points: Floats
    hashes: NDArray[np.uint64]


def sample(
    events: Events,
    projection: Projection,
    hashes: NDArray[np.uint64],
    n: int,
    rng: np.random.Generator,
    bar: Progress,
) -> _Sample:
    """At most ``n`` events of a split, for `near_duplicates`."""
    index = np.sort(rng.choice(len(events), min(n, len(events)), replace=False))
    return _Sample(events.split, index, projection(events, index, bar), hashes[index])


def near_duplicates(first: _Sample, second: _Sample, n_queries: int, bar: Progress) -> NearDuplicates:
    """Events of ``second`` (at most ``n_queries``, evenly spread) that have a near duplicate in ``first``."""
    from scipy.spatial import cKDTree

    same = first.split == second.split
    queries = np.unique(np.linspace(0, len(second.index) - 1, min(n_queries, len(second.index))).astype(np.int64))
    k = min(_NEIGHBOURS, len(first.index) - same)
    tree = cKDTree(first.points)
    ratio, nearest = np.ones(len(queries)), np.zeros(len(queries), np.int64)
    for low in range(0, len(queries), _QUERIES_AT_ONCE):
        here = slice(low, low + _QUERIES_AT_ONCE)
        distance, place = tree.query(second.points[queries[here]], k + same)
        if same:  # the event itself, or one of the same place
            itself = np.argmax(place == queries[here][:, None], axis=1)
            keep = np.ones(place.shape, bool)
            keep[np.arange(len(place)), itself] = False
            distance, place = (a[keep].reshape(len(place), k) for a in (distance, place))
        ratio[here] = np.divide(
            distance[:, 0], distance[:, -1], where=distance[:, -1] > 0, out=np.ones(len(place))
        )
        nearest[here] = place[:, 0]
        bar.advance(len(place))
    threshold = _threshold(ratio, k)
    near = (ratio < threshold) & (first.hashes[nearest] != second.hashes[queries])
    if near.any():
        best = np.flatnonzero(near)[np.argmin(ratio[near])]
        example = (int(first.index[nearest[best]]), int(second.index[queries[best]]))
    return NearDuplicates(
        first.split,
        second.split,
        len(queries),
        int(near.sum()),
        _BY_CHANCE,
        threshold,
        example if near.any() else None,
    )


def _threshold(ratio: Floats, k: int) -> float:
    """Ratio of distances below which `_BY_CHANCE` of independent events are expected; 0 if nothing can be said."""
    typical = float(np.median(ratio))
    if k < 3 or not 0 < typical < 1:
        return 0.0
    dimension = np.log(-np.expm1(np.log(0.5) / (k - 1))) / np.log(typical)
    return float((_BY_CHANCE / ((k - 1) * len(ratio))) ** (1 / dimension))
