"""Decay trees: edges between mothers and daughters, from the index of each particle's mother."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.graphs.packed import packed_offsets

__all__ = ["tree_edges"]


def tree_edges(
    mother_index: NDArray[np.integer], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make the symmetric edges of forests.

    mother_index: (B, P) the place of each particle's mother in its event, -1 for none. mask: (B, P), True where a
    particle is real; what stands elsewhere in ``mother_index`` does not count.

    Returns edge_index (2, E) int64, source row first, numbered over all real particles, both directions of each
    mother-daughter pair, sorted by target and then source, without self-loops; and offsets (B + 1,) int64. Raises
    DataError for a mother that is not a particle of the event and for a particle among its own ancestors.
    """
    mother_index, mask = np.asarray(mother_index), np.asarray(mask, bool)
    if mother_index.ndim != 2 or mother_index.shape != mask.shape or mother_index.dtype.kind not in "iu":
        message = (
            "expected a mother_index (B, P) of integers and a mask of the same shape, "
            f"found {mother_index.shape} of {mother_index.dtype} and {mask.shape}"
        )
        raise DataError(message)
    offsets = packed_offsets(mask.sum(axis=1))
    event, place = np.nonzero(mask)
    mother = mother_index[event, place].astype(np.int64)
    has = mother != -1
    _refuse(has & ((mother < -1) | (mother >= mask.shape[1])), event, place, mother)
    _refuse(has & ~mask[event, np.where(has, mother, 0)], event, place, mother)
    number = np.cumsum(mask, axis=1)[event, np.where(has, mother, 0)] - 1 + offsets[event]
    nodes = np.arange(len(event))
    _refuse(
        _circular(np.where(has, number, nodes), mask.shape[1]) | (has & (number == nodes)), event, place, mother
    )
    daughters, mothers = nodes[has], number[has]
    edges = np.stack([np.concatenate([mothers, daughters]), np.concatenate([daughters, mothers])])
    return edges[:, np.lexsort(edges)], offsets


def _circular(above: NDArray[np.int64], depth: int) -> NDArray[np.bool_]:
    """Where following ``above`` (a root points at itself) ends at no root within ``depth`` steps."""
    root: NDArray[np.bool_] = above == np.arange(len(above))
    steps = 1
    while steps < depth:
        above, steps = above[above], 2 * steps
    circular: NDArray[np.bool_] = ~root[above]
    return circular


def _refuse(
    wrong: NDArray[np.bool_], event: NDArray[np.int64], place: NDArray[np.int64], mother: NDArray[np.int64]
) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        message = (
            f"event {event[first]}: particle {place[first]} has the mother {mother[first]}; expected another "
            "particle of the event, not among its own descendants, or -1"
        )
        raise DataError(message)
