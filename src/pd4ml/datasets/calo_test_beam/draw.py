"""Showers for the eye: hits along the beam, and what one plots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.datasets.calo_test_beam.summary import summary
from pd4ml.storage.ragged import entries
from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """Hits along the beam and across it; area and colour by energy."""
    hits = np.asarray(event["hits"], np.float64).reshape(-1, 5)[::-1]  # the largest on top
    shade = np.log10(np.maximum(hits[:, 3], 0.1))
    shown = axes.scatter(
        hits[:, 2] / 10, hits[:, 0] / 10, s=6 + 18 * np.clip(shade + 0.3, 0, None), c=shade, cmap="viridis", lw=0
    )
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="lg(energy / MIP)")
    axes.set(xlabel="z [cm]", ylabel="x [cm]", xlim=(0, 100), ylim=(-36, 36))
    axes.set_title(f"{len(hits)} hits, {hits[:, 3].sum():,.0f} MIP")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Sum, hits, density and depth of an event, energies of its hits."""
    found = summary(arrays)
    energy = entries(arrays["hits"])[0][:, 3].astype(np.float64)
    return {
        "sum of hits [MIP]": found["sum"],
        "hits per event": found["hits"],
        "share of energy in hits above 5 MIP": found["dense_share"],
        "mean depth [layers]": found["depth"],
        "lg(energy / MIP) of a hit": np.log10(np.maximum(energy, 1e-3)),
    }
