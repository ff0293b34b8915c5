"""Which events are trained on and which validated on; none of one group are on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Card
from pd4ml.errors import DataError
from pd4ml.storage.store import Events

__all__ = ["Parts", "split_events"]


@dataclass(frozen=True)
class Parts:
    """Places of the events: ``train`` (T,) in the split ``train``, ``valid`` (V,) in ``valid_split``; rising."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    valid_split: str = "train"


def split_events(
    train: Events, card: Card, n_events: int | None, validation_fraction: float, valid: Events | None = None
) -> Parts:
    """Share out the first ``n_events`` of ``train`` (all, if None).

    Where the card has a split ``valid``, its events are validated on. Else these are the last
    ``validation_fraction`` of the events. Events that belong together (``Card.group``) stay together: validation
    then takes whole groups, the last to appear, until there are enough.
    """
    n_split = len(train)
    n = n_split if n_events is None else n_events
    if n < 2:
        raise DataError(f"asked to train on {n:,} events: at least 2 are needed, one of them to validate on")
    if n > n_split:
        raise DataError(f"asked to train on {n:,} events; the train split has {n_split:,}")
    if valid is not None:
        return Parts(np.arange(n), np.arange(len(valid)), "valid")
    n_valid = min(max(round(validation_fraction * n), 1), n - 1)
    if not card.group or card.group not in train:
        return Parts(np.arange(n - n_valid), np.arange(n - n_valid, n))
    _, first, code = np.unique(np.asarray(train[card.group][:n]), return_index=True, return_inverse=True)
    if len(first) < 2:
        raise DataError(f"all {n:,} events share one {card.group}: none are left to validate on")
    appearance = np.argsort(np.argsort(first))  # groups numbered in the order in which they appear
    sizes = np.bincount(appearance[code])
    from_last = np.cumsum(sizes[::-1])
    n_groups = min(int(np.searchsorted(from_last, n_valid)) + 1, len(sizes) - 1)
    is_valid = appearance[code] >= len(sizes) - n_groups
    return Parts(np.flatnonzero(~is_valid), np.flatnonzero(is_valid))
