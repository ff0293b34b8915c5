"""One's own events as graphs: entries are nodes, with the event's own numbers beside, or pixels are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec
from pd4ml.errors import DataError, unknown_name
from pd4ml.graphs.grid import grid_graphs
from pd4ml.graphs.packed import PackedGraphs, no_edges, packed_offsets
from pd4ml.own.features import Floats, kept, standardised, table
from pd4ml.own.layout import Layout
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["column_names", "coordinate_columns", "graphs"]


def graphs(
    arrays: Mapping[str, Array], fitted: Mapping[str, Any], layout: Layout, *, edges: bool = True
) -> PackedGraphs:
    """The graphs of some events: see `GraphOptions` for edges.

    A node has the standardised columns of its set, those of the event, and, where there are several sets, a 1 for
    its own. An event without any entry is one node of zeros, and one without sets a node of the event's numbers.
    """
    if layout.graph.kind == "grid":
        return _grid(arrays, fitted, layout, edges=edges)
    n_events = len(arrays[layout.card.inputs[0].name])
    of_event = _event_columns(arrays, fitted, layout, n_events)
    sets = layout.of_role("set")
    if not sets:
        return _without_edges(of_event, np.arange(n_events + 1), 1, edges=edges)
    parts = [_set_of(spec, arrays[spec.name], layout.graph.max_nodes) for spec in sets]
    event = np.concatenate([np.repeat(np.arange(n_events), sizes) for _, sizes in parts])
    columns = _side_by_side([standardised(rows, fitted[s.name]) for (rows, _), s in zip(parts, sets, strict=True)])
    raw = _side_by_side([rows.astype(np.float32) for rows, _ in parts])
    order = np.argsort(event, kind="stable")
    event, columns, raw = event[order], columns[order], raw[order]
    sizes = np.bincount(event, minlength=n_events)
    if (empty := np.flatnonzero(sizes == 0)).size:
        place = np.searchsorted(event, empty)
        event, columns, raw = (np.insert(a, place, v, axis=0) for a, v in ((event, empty), (columns, 0), (raw, 0)))
        sizes = np.maximum(sizes, 1)
    nodes = np.concatenate([columns, of_event[event]], axis=1).astype(np.float32)
    offsets = packed_offsets(sizes)
    most = sum(_most(spec, layout) for spec in sets)
    if layout.graph.kind == "none" or not edges:
        return _without_edges(nodes, offsets, most, edges=edges)
    return PackedGraphs(nodes, _nearest(layout, raw, columns, offsets), offsets, most)


def _without_edges(
    nodes: NDArray[np.float32], offsets: NDArray[np.int64], most: int, *, edges: bool
) -> PackedGraphs:
    """Nodes alone; that they have no edges is an answer, where edges are asked for."""
    edge_index = np.zeros((2, 0), np.int64) if edges else no_edges()
    return PackedGraphs(nodes, edge_index, offsets.astype(np.int64), most)


def coordinate_columns(layout: Layout) -> tuple[int, ...]:
    """Columns of the nodes that are the named coordinates; all columns where none are named."""
    n_event = sum(math.prod(spec.shape) for spec in layout.of_role("event"))
    images = layout.of_role("grid")
    if layout.graph.kind == "grid" and images:
        return tuple(range(sum(1 if len(s.shape) == 2 else s.shape[-1] for s in images) + n_event))
    names, sets = column_names(layout), layout.of_role("set")
    if layout.graph.coordinates:
        return tuple(_place(name, names) for name in layout.graph.coordinates)
    return tuple(range(len(names) + (len(sets) if len(sets) > 1 else 0) + n_event))


def column_names(layout: Layout) -> list[str]:
    """Names of all sets' columns side by side; ``array.column`` where one name stands for two."""
    sets = layout.of_role("set")
    names = [(spec.name, column) for spec in sets for column in _columns(spec)]
    plain = [column for _, column in names]
    return [column if plain.count(column) == 1 else f"{name}.{column}" for name, column in names]


def _columns(spec: ArraySpec) -> tuple[str, ...]:
    return spec.columns or tuple(str(i) for i in range(int(np.prod(spec.shape[0 if spec.ragged else 1 :]))))


def _most(spec: ArraySpec, layout: Layout) -> int:
    """Entries of a set that an event can have."""
    return layout.graph.max_nodes if spec.ragged else min(layout.graph.max_nodes, spec.shape[0])


def _set_of(spec: ArraySpec, array: Array, most: int) -> tuple[Floats, NDArray[np.int64]]:
    """(n, F) the entries of all events, at most ``most`` of each, and (N,) how many each has."""
    if spec.ragged:
        rows, offsets = table(spec, array, "set"), entries(array)[1]
        sizes = np.diff(offsets)
    else:
        rows, sizes = table(spec, array, "set"), kept(spec, array).sum(axis=1)
        offsets = packed_offsets(sizes)
    if (sizes > most).any():
        number = np.arange(len(rows)) - np.repeat(offsets[:-1], sizes)
        rows, sizes = rows[number < most], np.minimum(sizes, most)
    return rows, sizes


def _side_by_side(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(n, sum F) the rows of each part in columns of their own, and a column each that says which part."""
    if len(parts) == 1:
        return parts[0]
    widths = [part.shape[1] for part in parts]
    out = np.zeros((sum(map(len, parts)), sum(widths) + len(parts)), np.float32)
    row = column = 0
    for number, part in enumerate(parts):
        out[row : row + len(part), column : column + part.shape[1]] = part
        out[row : row + len(part), sum(widths) + number] = 1
        row, column = row + len(part), column + part.shape[1]
    return out


def _event_columns(
    arrays: Mapping[str, Array], fitted: Mapping[str, Any], layout: Layout, n_events: int
) -> NDArray[np.float32]:
    found = [
        standardised(table(spec, arrays[spec.name], "event"), fitted[spec.name])
        for spec in layout.of_role("event")
    ]
    return np.concatenate(found, axis=1) if found else np.zeros((n_events, 0), np.float32)


def _nearest(
    layout: Layout, raw: NDArray[np.float32], columns: NDArray[np.float32], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    from pd4ml.graphs.knn import knn, symmetric_edges

    options, period = layout.graph, None
    points = columns
    if options.coordinates:
        names = column_names(layout)
        points = np.ascontiguousarray(raw[:, [_place(name, names) for name in options.coordinates]])
        period = [p or np.inf for p in options.period] or None
    return symmetric_edges(knn(points, offsets, options.k, period), offsets)


def _place(name: str, names: list[str]) -> int:
    if name not in names:
        raise unknown_name("coordinate", name, names)
    return names.index(name)


def _grid(arrays: Mapping[str, Array], fitted: Mapping[str, Any], layout: Layout, *, edges: bool) -> PackedGraphs:
    images = layout.of_role("grid")
    if not images or any(spec.shape[:2] != images[0].shape[:2] for spec in images):
        raise DataError(f"graphs on a grid need images of one size, found {[spec.name for spec in images]}")
    height, width = images[0].shape[:2]
    n_events = len(arrays[images[0].name])
    columns = [standardised(table(s, arrays[s.name], "grid"), fitted[s.name]) for s in images]
    of_event = _event_columns(arrays, fitted, layout, n_events)
    columns.append(np.repeat(of_event, height * width, axis=0))
    nodes = np.concatenate(columns, axis=1)
    return grid_graphs(nodes.reshape(n_events, height, width, -1), edges=edges)
