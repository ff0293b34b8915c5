"""Sets of events that share a value: of a mixture with a given share, or from a window of a drawn value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError

__all__ = ["Mixtures", "Windows"]

Drawn = tuple[NDArray[np.float64], NDArray[np.int64]]
Batch = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
_SETS_OF_AN_EVENT = 16  # the encoder takes most of the time, and learns less from one share than from many


@dataclass(frozen=True)
class Mixtures:
    """Sets in which an event is of one kind with a probability, the share, that is uniform from 0 to 1.

    Parameters
    ----------
    member : NDArray
        (N,) whether an event is of that kind.
    group : NDArray, optional
        (N,) what events must not share within a set, since they are not independent.
    """

    member: NDArray[np.bool_]
    group: NDArray[np.int64] | None = None
    low: float = field(default=0.0, init=False)
    high: float = field(default=1.0, init=False)
    _kinds: tuple[_Groups, _Groups] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds = tuple(_Groups(np.flatnonzero(self.member == kind), self.group) for kind in (True, False))
        if not all(len(kind) for kind in kinds):
            raise DataError("a share needs events of that kind and others: one of the two is missing")
        object.__setattr__(self, "_kinds", kinds)

    @property
    def of_events(self) -> NDArray[np.bool_]:
        """(N,) what single events say: whether they are of that kind."""
        return self.member

    @property
    def n_independent(self) -> int:
        """How many independent events there are, counting no more of one kind than of the other."""
        return 2 * min(len(kind) for kind in self._kinds)

    def draw(self, rng: np.random.Generator, n: int, size: int) -> Drawn:
        """The shares (n,) and the places of the events (n, size), which may come again in a set."""
        theta = rng.uniform(self.low, self.high, n)
        chosen = [kind.draw(rng, 0, len(kind), (n, size)) for kind in self._kinds]
        return theta, np.where(rng.random((n, size)) < theta[:, None], *chosen)

    def batch(self, rng: np.random.Generator, n_events: int) -> Batch:
        """Sixteen sets of two for each of ``n_events``, half of each kind: many shares have the same events.

        Gives the shares (n,), the places of the events, and which two of them (n, 2) are a set.
        """
        half = max(1, n_events // 2)
        places = np.concatenate([kind.draw(rng, 0, len(kind), (1, half))[0] for kind in self._kinds])
        theta = rng.uniform(self.low, self.high, _SETS_OF_AN_EVENT * n_events)
        other = rng.random((len(theta), 2)) >= theta[:, None]
        return theta, places, rng.integers(half, size=(len(theta), 2)) + half * other


@dataclass(frozen=True)
class Windows:
    """Sets of events whose values are nearly the same: they lie in a window, and its middle is the set's value.

    To first order in its width, what events of a window are on average is what they are at its middle.

    Parameters
    ----------
    values : NDArray
        (N,) the value of each event.
    width : float
        Of a window, as a share of the range of all values.
    group : NDArray, optional
        (N,) what events must not share within a set, since they are not independent.
    ends : tuple[float, float], optional
        The range, if it is not that of ``values``.
    """

    values: NDArray[np.float64]
    width: float = 0.05
    group: NDArray[np.int64] | None = None
    ends: tuple[float, float] | None = None
    low: float = field(init=False)
    high: float = field(init=False)
    _groups: _Groups = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64)
        first, last = self.ends or (float(values.min()), float(values.max()))
        if not last > first or not 0 < self.width < 1:
            raise DataError("a parameter needs values that differ, and windows between 0 and 1 of their range")
        half = 0.5 * self.width * (last - first)
        groups = _Groups(np.arange(len(values)), self.group, values)
        for name, value in {"low": first + half, "high": last - half, "_groups": groups}.items():
            object.__setattr__(self, name, value)
        if self.n_independent == 0:
            raise DataError(
                f"windows of {self.width:g} of the range have no event: use more events, or wider windows"
            )

    def batch(self, rng: np.random.Generator, n_events: int) -> Batch:
        """Sets of two of ``n_events``: the values (n,), the places of the events, which two (n, 2) are a set."""
        theta, places = self.draw(rng, max(1, n_events // 2), 2)
        return theta, places.ravel(), np.arange(places.size).reshape(-1, 2)

    @property
    def of_events(self) -> NDArray[np.float64]:
        """(N,) what single events say: their values, in parts of the prior's range."""
        return (np.asarray(self.values, np.float64) - self.low) / (self.high - self.low)

    @property
    def range(self) -> tuple[float, float]:
        """Where windows lie."""
        margin = 0.5 * self.width / (1 - self.width) * (self.high - self.low)
        return self.low - margin, self.high + margin

    @property
    def n_independent(self) -> int:
        """How many independent events a window has, the emptiest of twenty."""
        first, last = self._window(np.linspace(self.low, self.high, 20))
        return int((last - first).min())

    def draw(self, rng: np.random.Generator, n: int, size: int) -> Drawn:
        """The values (n,), uniform between ``low`` and ``high``, and the places of the events (n, size)."""
        theta = rng.uniform(self.low, self.high, n)
        first, last = self._window(theta)
        if empty := int((last == first).sum()):
            raise DataError(f"{empty:,} of {n:,} windows have no event: use more events, or wider windows")
        return theta, self._groups.draw(rng, first[:, None], last[:, None], (n, size))

    def _window(self, theta: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        half = 0.5 * self.width / (1 - self.width) * (self.high - self.low)
        first, last = (np.searchsorted(self._groups.values, theta + sign * half) for sign in (-1, 1))
        return first, last


class _Groups:
    """Events in groups, in the order of their mean value: a group is drawn first, then one of its events."""

    def __init__(
        self, events: NDArray[np.int64], group: NDArray[Any] | None, values: NDArray[np.float64] | None = None
    ) -> None:
        own = np.arange(len(events)) if group is None else group[events]
        _, code = np.unique(own, return_inverse=True)
        sizes = np.bincount(code)
        means = np.zeros(len(sizes)) if values is None else np.bincount(code, values[events]) / sizes
        order = np.argsort(means, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        self.values = means[order]
        self._events = events[np.argsort(place[code], kind="stable")]
        self._sizes = sizes[order]
        self._first = np.cumsum(self._sizes) - self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def draw(self, rng: np.random.Generator, first: Any, last: Any, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Places of events of groups from ``first`` to before ``last``, which come again as chance has it."""
        groups = first + (rng.random(shape) * (last - first)).astype(np.int64)
        within = (rng.random(shape) * self._sizes[groups]).astype(np.int64)
        return np.asarray(self._events[self._first[groups] + within])
