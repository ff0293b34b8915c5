"""Jets for the eye: constituents about the jet's axis, and what one plots of jets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """A jet in (delta_eta, delta_phi) to its axis; the areas of the circles go with pT."""
    constituents = np.asarray(event["constituents"], np.float64)[None]
    _, eta, phi, mass = (float(v[0]) for v in pt_eta_phi_mass(constituents.sum(axis=1)))
    pt, eta_i, phi_i, _ = (v[0][constituents[0, :, 0] > 0] for v in pt_eta_phi_mass(constituents))
    delta_phi = (phi_i - phi + np.pi) % (2 * np.pi) - np.pi
    # The smallest last, so that no circle hides another.
    shown = axes.scatter(
        eta_i - eta, delta_phi, s=4 + 2.5 * pt, c=pt, norm="log", cmap="viridis", alpha=0.75, linewidths=0
    )
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)), label="pT [GeV]")
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xlabel="Δη to the jet", ylabel="Δφ to the jet [rad]")
    axes.set_title(f"mass {mass:.0f} GeV, {len(pt)} constituents")


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Transverse momentum and mass of the jets, number of constituents, their pT and mean distance to the axis."""
    constituents = np.asarray(arrays["constituents"], np.float64)
    real = constituents[..., 0] > 0
    pt, eta, phi, mass = pt_eta_phi_mass(constituents.sum(axis=1))
    pt_i, eta_i, phi_i, _ = pt_eta_phi_mass(constituents)
    delta_phi = (phi_i - phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    with np.errstate(invalid="ignore"):
        distance = np.where(real & np.isfinite(eta_i), np.hypot(eta_i - eta[:, None], delta_phi), 0)
    width = np.sum(pt_i * distance, axis=1) / np.maximum(np.sum(pt_i, axis=1), 1e-9)
    return {
        "jet mass [GeV]": mass,
        "jet pT [GeV]": pt,
        "constituents per jet": real.sum(axis=1),
        "width: mean distance to the axis, weighted with pT": width,
        "lg(pT / GeV) of constituents": np.log10(np.maximum(pt_i[real], 1e-3)),
    }
