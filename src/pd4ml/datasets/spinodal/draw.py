"""Density images for the eye, and what one plots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """The image; its first axis is x."""
    density = np.asarray(event["density"])
    shown = axes.imshow(density.T, origin="lower", interpolation="none")
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="baryon density")
    contrast = float(density.max() / max(density.mean(), 1e-12))
    axes.set(xlabel="x [pixels]", ylabel="y [pixels]", title=f"maximum over mean {contrast:.1f}")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Sum, contrast, dim pixels and root-mean-square radius of the images."""
    density = np.asarray(arrays["density"], np.float64)
    total = np.maximum(density.sum(axis=(1, 2)), 1e-12)
    x, y = np.indices(density.shape[1:])
    mean_x, mean_y = ((density * axis).sum(axis=(1, 2)) / total for axis in (x, y))
    squares = (density * (x**2 + y**2)).sum(axis=(1, 2)) / total - mean_x**2 - mean_y**2
    return {
        "maximum over mean density": density.max(axis=(1, 2)) / total * x.size,
        "sum of the densities": total,
        "pixels below 1/256 of the maximum": (256 * density < density.max(axis=(1, 2), keepdims=True)).sum(
            axis=(1, 2)
        ),
        "rms radius [pixels]": np.sqrt(np.maximum(squares, 0)),
    }
