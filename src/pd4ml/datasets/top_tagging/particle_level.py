"""What a jet is before the detector: the particle-level jet beside it, and its substructure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.physics.jets import antikt_jets, members
from pd4ml.physics.kinematics import delta_r, pt_eta_phi_mass
from pd4ml.physics.pythia import Particles
from pd4ml.physics.substructure import substructure

__all__ = ["NAMES", "NO_MATCH", "particle_jets"]

NO_MATCH = -1.0
NAMES = tuple(
    f"particle_{name}" for name in ("pt", "mass", "multiplicity", "width", "tau21", "groomed_mass")
)  # of the arrays, (J,) each


def particle_jets(
    particles: Particles, event: NDArray[np.int64], p4: NDArray[np.float64], radius: float, pt_min: float
) -> dict[str, NDArray[np.generic]]:
    """The particle-level jets nearest to detector jets ``p4`` (J, 4), jet j being in event ``event[j]``.

    ``particles`` are the stable ones of the hard collision, without neutrinos, clustered like the detector's
    objects; a jet of at least ``pt_min`` GeV whose axis lies within half of ``radius`` is a match. Gives the
    arrays ``NAMES``, NO_MATCH where there is none.
    """
    out: dict[str, NDArray[np.generic]] = {
        name: np.full(len(event), NO_MATCH, np.int32 if name.endswith("multiplicity") else np.float32)
        for name in NAMES
    }
    some, row = np.unique(event, return_inverse=True)
    part = _events(particles, some)
    jets = antikt_jets(part.p4, part.offsets, radius, pt_min)
    _, eta, phi, _ = pt_eta_phi_mass(p4)
    _, other_eta, other_phi, _ = pt_eta_phi_mass(jets.p4)
    nearest = _nearest(row.astype(np.int64), eta, phi, jets.event, other_eta, other_phi, radius / 2)
    matched = np.flatnonzero(nearest >= 0)
    rows, offsets = members(nearest[matched], jets.offsets, jets.constituents)
    found = substructure(part.p4[rows], offsets, radius)
    for name in NAMES:
        out[name][matched] = getattr(found, name.removeprefix("particle_"))
    return out


def _events(particles: Particles, events: NDArray[np.int64]) -> Particles:
    """The particles of ``events``."""
    rows, offsets = members(events, particles.offsets, np.arange(len(particles.pdg_id)))
    return particles.take(rows, offsets)


@njit(cache=True)
def _nearest(
    event: NDArray[np.int64],
    eta: NDArray[np.float64],
    phi: NDArray[np.float64],
    other_event: NDArray[np.int64],
    other_eta: NDArray[np.float64],
    other_phi: NDArray[np.float64],
    farthest: float,
) -> NDArray[np.int64]:
    """For each jet the nearest other one of its event that is not farther than ``farthest``, or -1."""
    nearest = np.full(event.size, -1)
    for j in range(event.size):
        best = farthest
        for k in range(np.searchsorted(other_event, event[j]), other_event.size):
            if other_event[k] != event[j]:
                break
            distance = delta_r(eta[j], phi[j], other_eta[k], other_phi[k])
            if distance < best:
                nearest[j], best = k, distance
    return nearest
