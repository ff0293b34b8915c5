"""Graphs by name, of any nodes: the nearest in named coordinates are joined, those around on a grid, or none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, unknown_name
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs, no_edges

__all__ = ["KINDS", "build", "node_graphs", "point_graphs"]

Column = int | str


def point_graphs(
    nodes: NDArray[np.float32],
    offsets: NDArray[np.int64],
    coordinates: Sequence[Column],
    k: int,
    period: float | Sequence[float] | Mapping[Any, float] | None = None,
    *,
    names: Sequence[str] = (),
    max_nodes: int | None = None,
    edges: bool = True,
) -> PackedGraphs:
    """Make graphs in which each node is joined to its ``k`` nearest, and to those whose nearest it is.

    nodes: (sum P, F) float32, features. offsets: (B + 1,) int64; graph b owns nodes ``offsets[b]:offsets[b + 1]``.
    coordinates: the features that distances are measured in, any number of them, by column or by their name in
    ``names`` (F,). period: that of each coordinate, of some by column or name, or of the last alone, as for
    ``knn``. max_nodes: the largest P of the dataset; that of these graphs unless given. Raises DataError for
    coordinates that are no features and as ``knn``.
    """
    nodes, offsets = _checked(nodes, offsets)
    columns = [_column(c, names, nodes.shape[1]) for c in coordinates]
    edge_index = no_edges()
    if edges:
        from pd4ml.graphs.knn import knn, symmetric_edges

        if isinstance(period, Mapping):
            by_column = {_column(c, names, nodes.shape[1]): float(p) for c, p in period.items()}
            if missing := set(by_column).difference(columns):
                message = (
                    f"expected periods of the coordinates {list(coordinates)}, found one of column {missing.pop()}"
                )
                raise DataError(message)
            period = [by_column.get(c, np.inf) for c in columns]
        edge_index = symmetric_edges(knn(nodes[:, columns], offsets, k, period), offsets)
    return PackedGraphs(nodes, edge_index, offsets, _largest(offsets, max_nodes))


def node_graphs(
    nodes: NDArray[np.float32], offsets: NDArray[np.int64], *, max_nodes: int | None = None, edges: bool = True
) -> PackedGraphs:
    """Make graphs of nodes alone, for models that need no edges or find their own; arguments as `point_graphs`."""
    nodes, offsets = _checked(nodes, offsets)
    return PackedGraphs(nodes, no_edges(), offsets, _largest(offsets, max_nodes))


KINDS: Mapping[str, Callable[..., PackedGraphs]] = {"knn": point_graphs, "grid": grid_graphs, "none": node_graphs}
"""Name of a kind of graphs -> the function that makes them."""


def build(kind: str, *arrays: NDArray[Any], edges: bool = True, **options: Any) -> PackedGraphs:
    """Make graphs of a kind by its name: ``knn`` (`point_graphs`), ``grid`` (`grid_graphs`) or ``none``.

    arrays: nodes and offsets; of a grid, nodes alone. options: those of the function. All of it is plain data, so
    that a dataset can say in its settings how events become graphs. Raises UnknownNameError for an unknown kind or
    option, DataError as the functions.
    """
    if kind not in KINDS:
        raise unknown_name("kind of graphs", kind, KINDS)
    function = KINDS[kind]
    known = list(inspect.signature(function).parameters)[len(arrays) :]
    for name in options:
        if name not in known:
            raise unknown_name(f"option of {kind} graphs", name, known)
    try:
        inspect.signature(function).bind(*arrays, edges=edges, **options)
    except TypeError as error:
        raise DataError(f"{kind} graphs need {', '.join(known)}, found {sorted(options)}: {error}") from error
    return function(*arrays, edges=edges, **options)


def _checked(
    nodes: NDArray[np.float32], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    nodes, offsets = np.asarray(nodes), np.asarray(offsets, np.int64)
    if nodes.ndim != 2 or nodes.dtype != np.float32:
        message = f"expected nodes (sum P, F) of float32, found {nodes.shape} of {nodes.dtype}"
        raise DataError(message)
    rises = offsets.ndim == 1 and len(offsets) > 0 and offsets[0] == 0 and not np.any(np.diff(offsets) < 0)
    if not rises or offsets[-1] != len(nodes):
        message = f"expected offsets that rise from 0 to the number of nodes, {len(nodes)}, found {offsets}"
        raise DataError(message)
    return nodes, offsets


def _column(coordinate: Column, names: Sequence[str], n_features: int) -> int:
    """The column of a coordinate that is named or numbered."""
    if isinstance(coordinate, str):
        if coordinate not in names:
            raise unknown_name("coordinate", coordinate, names)
        coordinate = list(names).index(coordinate)
    if not 0 <= coordinate < n_features:
        message = f"expected coordinates among the {n_features} features, found column {coordinate}"
        raise DataError(message)
    return int(coordinate)


def _largest(offsets: NDArray[np.int64], max_nodes: int | None) -> int:
    largest = int(np.diff(offsets).max(initial=0))
    if max_nodes is not None and largest > max_nodes:
        message = f"expected graphs of at most max_nodes = {max_nodes} nodes, found one of {largest}"
        raise DataError(message)
    return largest if max_nodes is None else max_nodes
