"""A quantity of each event, by name: an array of the card, a summary feature, or an expression over both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, one_line, unknown_name
from pd4ml.expression import Expression
from pd4ml.parts import column, columns_of
from pd4ml.storage.store import Events

if TYPE_CHECKING:
    from pd4ml.dataset import Dataset

__all__ = ["quantity"]

_AT_ONCE = 10_000


def quantity(dataset: type[Dataset], events: Events, text: str) -> NDArray[np.float64]:
    """A number of each event.

    Parameters
    ----------
    dataset : type[Dataset]
        What the events are of; its summary features are computed only if ``text`` names one.
    events : Events
        The events.
    text : str
        An array with a number for each event (extras included), a summary feature, or an expression over both,
        such as ``mass / pt``.

    Returns
    -------
    NDArray[np.float64]
        (N,), finite.

    Raises
    ------
    UnknownNameError
        For a name that is neither.
    DataError
        For what is no finite number of each event.
    """
    expression = Expression(text)
    arrays = columns_of(events, dataset.card)
    needs_summary = any(name not in arrays for name in expression.columns)
    found = []
    for start in range(0, len(events), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(events)))
        summary = dataset.summary(events.take(rows)) if needs_summary else {}
        for name in expression.columns:
            if name not in arrays and name not in summary:
                raise unknown_name("quantity", name, [*summary, *arrays])
        named = {name: arrays[name] for name in expression.columns if name in arrays}
        here = {name: column(events[array][rows], place) for name, (array, place) in named.items()}
        values = np.asarray(expression({**summary, **here}), np.float64)
        if values.shape != rows.shape or not np.isfinite(values).all():
            raise DataError(f"{one_line(text)!r} is no finite number of each event of {dataset.name}")
        found.append(values)
    return np.concatenate(found) if found else np.zeros(0)
