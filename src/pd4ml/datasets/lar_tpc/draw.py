"""Images for the eye, by charge or by what left it, and what one plots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.lar_tpc.card import PIXEL_CARD
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["draw", "draw_labels", "observables"]

_SIDE, _PLANES = 128, 3
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#999999")  # in the order of the labels


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """The three planes side by side; the beam comes from below, electrons drift to the left."""
    pixels = np.asarray(event["pixels"], np.float64).reshape(-1, 4)
    shown = _planes(pixels, np.log10(np.maximum(pixels[:, 3], 1e-3)), axes, vmin=0.5, vmax=2.7)
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="log10 charge [1000 electrons]")


def draw_labels(event: Mapping[str, Array], axes: Any) -> None:
    """The same, coloured by ``pixel_label``, true or predicted, of the brightest pixels."""
    from matplotlib.colors import ListedColormap

    label = np.asarray(event["pixel_label"])
    label = label[label >= 0]
    pixels = np.asarray(event["pixels"], np.float64).reshape(-1, 4)[: len(label)]
    n = len(_COLOURS)
    shown = _planes(pixels, label, axes, vmin=-0.5, vmax=n - 0.5, cmap=ListedColormap(_COLOURS))
    bar = axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), ticks=range(n))
    bar.ax.set_yticklabels(PIXEL_CARD.classes)


def _planes(pixels: NDArray[np.float64], values: Array, axes: Any, **style: Any) -> Any:
    """An image of ``values`` (P,) of ``pixels`` (P, 4)."""
    plane, row, column = pixels[:, :3].astype(int).T
    image = np.full((_SIDE, _PLANES * _SIDE), np.nan)
    image[row, plane * _SIDE + column] = values
    shown = axes.imshow(image, origin="lower", interpolation="none", **style)
    for edge in range(1, _PLANES):
        axes.axvline(edge * _SIDE - 0.5, color="grey", linewidth=0.5)
    axes.set_xticks([_SIDE * (i + 0.5) for i in range(_PLANES)], ["60°", "-60°", "vertical wires"])
    axes.set(ylabel="wires [9 mm]", title=f"{len(pixels)} pixels")
    return shown


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Number of pixels, total charge and extent along the drift of each event, and charges of all pixels."""
    content, offsets = entries(arrays["pixels"])
    sizes = np.diff(offsets)
    event = np.repeat(np.arange(len(sizes)), sizes)
    charge = np.bincount(event, content[:, 3], len(sizes))
    first, last = np.full(len(sizes), float(_SIDE)), np.full(len(sizes), -1.0)
    np.minimum.at(first, event, content[:, 2])
    np.maximum.at(last, event, content[:, 2])
    return {
        "pixels above threshold": sizes,
        "charge of the event [1000 electrons]": charge,
        "extent along the drift [pixels]": np.maximum(last - first + 1, 0),
        "charge of a pixel [1000 electrons]": content[:, 3],
    }
