"""Flattening: a score made independent of an observed quantity, by its rank among background like the event.

The new score is the share of background events with nearly the same value of the quantity that score lower: the
conditional quantile. Its distribution for background is the same at every value of the quantity, and events of one
value keep their order. A conditional normalizing flow (arXiv:2211.02486) does the same where there are several
protected quantities; of one it is this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.methods.derived import Derived, register_rule
from pd4ml.quantity import quantity
from pd4ml.storage.store import Events

__all__ = ["LEAST_BACKGROUND", "NEIGHBOURS", "conditional_rank", "flatten"]

NEIGHBOURS = 100
"""Background events nearest in the quantity, among which a score is ranked."""
LEAST_BACKGROUND = 500
"""Of fewer, the nearest would not be near: five windows."""

_AT_ONCE = 20_000


def conditional_rank(
    score: NDArray[np.floating],
    value: NDArray[np.floating],
    background_score: NDArray[np.floating],
    background_value: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Share of the background nearest in the quantity that scores lower, strictly between 0 and 1.

    Between the scores of two background events it is interpolated, beyond the last it goes on rising, so that
    events are not tied. It tells nothing of background efficiencies below 1 / 100.

    Parameters
    ----------
    score, value : NDArray
        (N,) scores, or logits, and the quantity of the events to rank.
    background_score, background_value : NDArray
        (M,) those of background events, at least 500, none of which should be among the N.

    Returns
    -------
    NDArray[np.float64]
        (N,) ranks.

    Raises
    ------
    DataError
        For fewer background events.
    """
    m = len(background_score)
    if m < LEAST_BACKGROUND:
        raise DataError(
            f"flattening needs at least {LEAST_BACKGROUND} background events to rank among, found {m:,}"
        )
    order = np.argsort(background_value, kind="stable")
    values, scores = (
        np.asarray(background_value, np.float64)[order],
        np.asarray(background_score, np.float64)[order],
    )
    spread = float(np.std(scores)) or 1.0
    found = []
    for start in range(0, len(score), _AT_ONCE):
        s, v = (np.asarray(array[start : start + _AT_ONCE], np.float64) for array in (score, value))
        first = np.clip(np.searchsorted(values, v) - NEIGHBOURS // 2, 0, m - NEIGHBOURS)
        near = np.sort(scores[first[:, None] + np.arange(NEIGHBOURS)], axis=1)
        below = (near < s[:, None]).sum(axis=1)
        row = np.arange(len(s))
        low = near[row, np.maximum(below - 1, 0)]
        high = near[row, np.minimum(below, NEIGHBOURS - 1)]
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where(high > low, (s - low) / (high - low), 0.5)
        share = np.where(below == 0, 0.5 * np.exp(-np.maximum(high - s, 0) / spread), inside)
        share = np.where(below == NEIGHBOURS, 1 - 0.5 * np.exp(-np.maximum(s - low, 0) / spread), share)
        found.append((below + np.clip(share, 1e-6, 1 - 1e-6)) / (NEIGHBOURS + 1))
    return np.concatenate(found) if found else np.zeros(0)


@register_rule("flatten")
def flatten(derived: Derived, outputs: Sequence[NDArray[np.floating]], events: Events) -> NDArray[np.floating]:
    """Logits of the only member's ranks at each event's value of ``options["quantity"]``."""
    value = quantity(derived.dataset, events, derived.options["quantity"])
    background = (derived.arrays["background_score"], derived.arrays["background_value"])
    rank = conditional_rank(outputs[0], value, *background)
    return np.asarray(np.log(rank) - np.log1p(-rank))
