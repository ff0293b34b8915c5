"""Pion spectra for the eye, and what one plots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]

# Of generated spectra; those of the published ones are unknown.
_PT_MAX = 2.0


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """Counts in transverse momentum and azimuth; the scale is that of generated spectra."""
    spectrum = np.asarray(event["pion_spectrum"])
    # The rows are read from bottom to top.
    extent = (0, 2 * np.pi, 0, _PT_MAX)
    shown = axes.imshow(spectrum, origin="lower", extent=extent, aspect="auto", interpolation="none")
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="pions per bin")
    axes.set(xlabel="φ [rad]", ylabel="pT [GeV]", title=f"{spectrum.sum():,.0f} pions")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Number of pions, their mean pT and elliptic flow; the largest bin."""
    spectrum = np.asarray(arrays["pion_spectrum"], np.float64)
    n_pt, n_phi = spectrum.shape[1:]
    pt, phi = (np.arange(n_pt) + 0.5) * _PT_MAX / n_pt, (np.arange(n_phi) + 0.5) * 2 * np.pi / n_phi
    total = np.maximum(spectrum.sum(axis=(1, 2)), 1)
    return {
        "pions per event": spectrum.sum(axis=(1, 2)).astype(np.int64),
        "mean pT [GeV]": spectrum.sum(axis=2) @ pt / total,
        "|v2|": np.abs(spectrum.sum(axis=1) @ np.exp(2j * phi)) / total,
        "pions in the largest bin": spectrum.max(axis=(1, 2)).astype(np.int64),
    }
