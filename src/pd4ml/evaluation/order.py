"""Whether rows are in the order of the events: by columns that name events, and by columns that hold the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.evaluation.columns import Wanted
from pd4ml.evaluation.names import CHECK, OTHER, bare, class_of, found_names, quoted

if TYPE_CHECKING:
    from pd4ml.evaluation.truth import Truth

__all__ = ["check_truth", "event_ids", "zero_and_one"]


def event_ids(
    file: Path, columns: Mapping[Wanted, NDArray[Any]], known: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], str] | None:
    """The ids of the events under another name than ``event_id``, and that name; None if rows are in order.

    ``known`` are the events' ids in order, None if there are none but the places of the rows. DataError where a
    column shows that rows are in another order, but not for sure in which.
    """
    found = {w: ids for w, ids in columns.items() if w.role == OTHER and _reorders(w, ids, known)}
    if not found:
        return None
    first, *others = found.values()
    if not all(np.array_equal(first, other) for other in others):
        several = found_names(w.source for w in found)
        raise DataError(
            f"{file}: several columns put the events in other orders: {several}; say which by "
            "--columns event_id=NAME, or leave out the others"
        )
    named = next((w for w in found if w.holds == "ids"), None)
    if named is None:
        name = quoted(next(iter(found)).source)
        raise DataError(
            f"{file}: {name} looks like ids of the events in another order: name it event_id, or say "
            "--columns event_id=NAME; leave it out if it is something else"
        )
    return first, named.source


def _reorders(wanted: Wanted, ids: NDArray[np.int64], known: NDArray[np.int64] | None) -> bool:
    """Whether ``ids`` say that rows are in another order than the events, or of other events."""
    rows = np.arange(len(ids))
    known = rows if known is None else known
    if np.array_equal(ids, known):
        return False
    ordered = np.sort(ids)
    if np.array_equal(ordered, np.sort(known)):
        return True
    if np.array_equal(ids, rows):  # no more than a count of the rows
        return False
    consecutive = len(ids) > 1 and bool((np.diff(ordered) == 1).all())
    return wanted.holds == "ids" or (consecutive and not np.array_equal(ids, ordered))


def check_truth(
    file: Path, columns: Mapping[Wanted, NDArray[Any]], truth: Truth, places: NDArray[np.int64]
) -> None:
    """DataError if columns of a file of predictions that hold the truth are not ``truth``, row by row.

    ``places`` says which row is that of each event.
    """
    for name, column in _truths(columns, truth.classes):
        values = _as_truth(column, truth)
        if values is None:
            continue
        wrong = values[places] != truth.values
        if truth.task == "regression":
            wrong = ~np.isclose(values[places], truth.values, rtol=1e-4, atol=1e-6 * float(np.std(truth.values)))
        n = int(wrong.reshape(len(truth), -1).any(axis=1).sum())
        if not n:
            continue
        message = f"{file}: {quoted(name)} is not the truth of {truth.name} in {n:,} of {len(truth):,} rows"
        if n == len(truth) and truth.n_classes == 2:
            raise DataError(f"{message}: classes 0 and 1 are the other way round there, and in the scores as well")
        raise DataError(
            f"{message}: the rows are in another order or of another split, name them with event_id; leave the "
            "column out if it is something else, such as what was predicted"
        )


def _truths(
    columns: Mapping[Wanted, NDArray[Any]], classes: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Columns of the truth by their name; those of single classes, as weaver's ``label_Top``, are put together."""
    found = {wanted.source: column for wanted, column in columns.items() if wanted.role == CHECK}
    of_class = {bare(of): name for name in found if (of := class_of(name, "label"))}
    yield from ((name, column) for name, column in found.items() if name not in of_class.values())
    ordered = [name for of in classes if (name := of_class.get(bare(of)))]
    if classes and len(ordered) == len(classes):
        yield ", ".join(ordered), np.stack([found[name] for name in ordered], axis=-1)
    elif len(classes) == 2 and ordered == [of_class.get(bare(classes[1]))]:
        yield ordered[0], found[ordered[0]]


def zero_and_one(values: NDArray[Any]) -> NDArray[Any] | None:
    """Labels -1 and +1 as 0 and 1; None if ``values`` are none."""
    return (values > 0).astype(np.int64) if np.array_equal(np.unique(values), (-1, 1)) else None


def _as_truth(column: NDArray[Any], truth: Truth) -> NDArray[Any] | None:
    """``column`` in the form of the values of ``truth``; None if it holds something else."""
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if truth.task == "regression":
        return column if column.shape == truth.values.shape and np.isfinite(column).all() else None
    if column.shape == (len(truth), truth.n_classes) and np.isin(column, (0, 1)).all():
        return np.asarray(column.argmax(axis=1)) if (column.sum(axis=1) == 1).all() else None
    if column.shape != (len(truth),):
        return None
    if truth.n_classes == 2 and (binary := zero_and_one(column)) is not None:
        return binary
    return column if np.isin(column, np.arange(truth.n_classes)).all() else None
