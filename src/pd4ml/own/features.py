"""Features of one's own data: every column standardised with what the train split says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec
from pd4ml.errors import DataError
from pd4ml.own.layout import Layout
from pd4ml.storage.ragged import entries, is_ragged
from pd4ml.storage.store import Array, Events

__all__ = ["fit", "kept", "standardised", "table"]

# So many events say what a column's centre and spread are; more change neither by a per cent.
_FIT_EVENTS = 20_000
# A column whose spread is so much larger than half the width of its central 68 % has long tails.
_LONG_TAIL = 3.0

Floats = NDArray[np.float64]


def fit(events: Events | Mapping[str, Array], layout: Layout) -> dict[str, Any]:
    """Centre, spread and, of columns with long tails, the scale of an inverse hyperbolic sine, for each column.

    They are those of at most 20,000 events, evenly spread over the split.
    """
    n_events = len(events[layout.card.inputs[0].name])
    if not n_events:
        raise DataError(f"{layout.card.name} has no events to fit features to")
    places = np.unique(np.linspace(0, n_events - 1, min(n_events, _FIT_EVENTS)).astype(np.int64))
    found = {}
    for spec in layout.card.inputs:
        values = table(spec, events[spec.name][places], layout.roles[spec.name])
        found[spec.name] = [_fit_column(column) for column in values.T]
    return found


def table(spec: ArraySpec, array: Array, role: str) -> Floats:
    """(n, F): rows that are an event, an entry or a pixel of ``array``, padding left out."""
    if is_ragged(array):
        content = entries(array)[0]
        return content.reshape(len(content), math.prod(content.shape[1:])).astype(np.float64)
    values = np.asarray(array, np.float64)
    if role == "event":
        return values.reshape(len(values), -1)
    values = values[..., None] if len(spec.shape) == (1 if role == "set" else 2) else values
    rows = values.reshape(-1, values.shape[-1])
    return rows[kept(spec, array).ravel()] if role == "set" else rows


def kept(spec: ArraySpec, array: Array) -> NDArray[np.bool_]:
    """(N, P): which places of a padded set hold an entry: those where not every number is the padding."""
    values = np.asarray(array)
    values = values[..., None] if values.ndim == 2 else values
    if spec.padding is None:
        return np.ones(values.shape[:2], bool)
    there: NDArray[np.bool_] = (values != spec.padding).any(axis=-1)
    return there


def standardised(values: Floats, fitted: list[Mapping[str, float]]) -> NDArray[np.float32]:
    """(n, F) float32: (values - centre) / spread, after the inverse hyperbolic sine where a column has a scale."""
    if values.shape[1] != len(fitted):
        raise DataError(f"features were fitted to {len(fitted)} columns, found {values.shape[1]}")
    out = np.empty(values.shape, np.float32)
    for i, column in enumerate(fitted):
        x = np.arcsinh(values[:, i] / column["scale"]) if column["scale"] else values[:, i]
        out[:, i] = (x - column["centre"]) / column["spread"]
    return out


def _fit_column(values: Floats) -> dict[str, float]:
    if not len(values):
        return {"centre": 0.0, "spread": 1.0, "scale": 0.0}
    low, high = np.percentile(values, (16, 84))
    scale = 0.0
    if values.std() > _LONG_TAIL * (high - low) / 2:
        sizes = np.abs(values[values != 0])
        scale = float(np.median(sizes)) if len(sizes) else 0.0
        values = np.arcsinh(values / scale) if scale else values
    spread = float(values.std())
    return {"centre": float(values.mean()), "spread": spread if spread > 0 else 1.0, "scale": scale}
