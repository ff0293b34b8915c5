"""Graphs whose nodes carry quantities of their event beside the features, as a method may ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pd4ml.errors import DataError
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.quantity import quantity
from pd4ml.sample import FeatureView, GraphBuilder
from pd4ml.storage.store import Events

__all__ = ["graphs_of", "with_quantities"]


def with_quantities(
    view: FeatureView, dataset: Any, events: Events, wanted: Mapping[str, float | None]
) -> FeatureView:
    """``view`` with quantities: their mean and spread among ``events``, and what predictions take, or None."""
    beside = {}
    for name, at in wanted.items():
        values = quantity(dataset, events, name)
        if not values.std() > 0:
            raise DataError(
                f"{name} is the same for all training events: draw it in generation, `--draw NAME=...`"
            )
        beside[name] = {"mean": float(values.mean()), "spread": float(values.std()), "at": at}
    return dataclasses.replace(view, beside=beside)


def graphs_of(dataset: Any, view: FeatureView, events: Events, *, own: bool = False) -> LazyGraphs:
    """The graphs of ``events``; quantities beside features are at the view's value, if any and not ``own``."""
    build = GraphBuilder(dataset, view)
    if not view.beside:
        return LazyGraphs(events, build)
    columns = []
    for name, fit in view.beside.items():
        given = quantity(dataset, events, name) if own or fit["at"] is None else np.full(len(events), fit["at"])
        columns.append((given - fit["mean"]) / fit["spread"])
    return _Wider(events, build, np.stack(columns, axis=1).astype(np.float32))


class _Wider(LazyGraphs):
    """Graphs with ``columns`` (N, Q) of their events at each node, after its features."""

    def __init__(
        self,
        events: Events,
        build: Callable[..., PackedGraphs],
        columns: NDArray[np.float32],
        *,
        edges: bool = True,
    ) -> None:
        super().__init__(events, build, edges=edges)
        self.columns = columns

    def __getitem__(self, index: int | slice | ArrayLike) -> PackedGraphs:
        graphs = super().__getitem__(index)
        chosen = index if isinstance(index, slice) else np.atleast_1d(index)
        at_nodes = np.repeat(self.columns[chosen], graphs.sizes, axis=0)
        return dataclasses.replace(graphs, nodes=np.concatenate([graphs.nodes, at_nodes], axis=1))

    def without_edges(self) -> LazyGraphs:
        return _Wider(self.events, self._build, self.columns, edges=False)
