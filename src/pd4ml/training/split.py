"""How the train split becomes a training and a validation part."""

from __future__ import annotations

from pd4ml.errors import DataError

__all__ = ["split_sizes"]


def split_sizes(n_split: int, n_events: int | None, validation_fraction: float) -> tuple[int, int]:
    """Numbers of events to train on and to validate on; these are the last of the first ``n_events``."""
    n_events = n_split if n_events is None else n_events
    if not 2 <= n_events <= n_split:
        raise DataError(f"asked to train on {n_events:,} events; the train split has {n_split:,}")
    n_valid = min(max(round(validation_fraction * n_events), 1), n_events - 1)
    return n_events - n_valid, n_valid
