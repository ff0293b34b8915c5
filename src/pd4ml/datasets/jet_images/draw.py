"""Jet images for the eye, and what one plots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.datasets.jet_images.summary import summary
from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]

_HALF = 1.25  # of the images of the default variants


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """The image, in a logarithmic scale; empty pixels stay white."""
    image = np.asarray(event["image"])
    seen = np.ma.masked_less_equal(image, 0)
    extent = (-_HALF, _HALF, -_HALF, _HALF)
    shown = axes.imshow(seen, origin="lower", extent=extent, interpolation="none", norm="log")
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="pT [GeV]")
    axes.set(xlabel="x", ylabel="y", title=f"{image.sum():.0f} GeV, {np.count_nonzero(image)} pixels")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Of the images: mass, tau21 and distance of the subjets as ``summary`` has them; filled pixels, sum."""
    found = summary(arrays)
    return {
        "mass of the image [GeV]": found["mass"],
        "tau21 of the image": found["tau21"],
        "distance of the subjets": found["delta_r"],
        "filled pixels": found["pixels"].astype(np.int64),
        "sum of the pixels [GeV]": found["sum"],
    }
