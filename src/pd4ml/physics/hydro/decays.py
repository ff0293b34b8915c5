"""Pions from decays of resonances that a freeze-out surface emits.

A resonance is emitted like a pion, with its own mass, and decays where it is (Sollfrank, Koch, Heinz, Z. Phys. C
52 (1991) 593). The directions of its pions are isotropic in its rest frame, three-body decays fill phase space.
What a resonance of some transverse momentum gives is a kernel in the pion's transverse momentum and in the angle
between both; the surface is boost-invariant, so rapidities do not matter. The five kinds here feed most of the
pions; heavier ones, and decays of decay products, are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.physics.hydro.cooper_frye import PION_MASS, spectrum
from pd4ml.physics.hydro.freezeout import Surface

__all__ = ["RESONANCES", "Resonance", "decay_kernel", "decay_pions"]

Floats = NDArray[np.float64]

_KAON_MASS, _NUCLEON_MASS = 0.496, 0.939  # GeV
_N_MASSES, _N_COSINES, _N_ANGLES, _N_WITHIN = 12, 96, 96, 4  # points of the integrals over a decay, and over a bin


@dataclass(frozen=True)
class Resonance:
    """mass: GeV; degeneracy: spins, charges and antiparticles; other: masses of what comes with one pion, GeV.

    pions: their mean number in a decay, all charges, branching ratio included.
    """

    name: str
    mass: float
    degeneracy: int
    fermion: bool
    other: tuple[float, ...]
    pions: float


# Masses, spins and branching ratios: Particle Data Group, Phys. Rev. D 110 (2024) 030001.
RESONANCES = (
    Resonance("rho(770)", 0.775, 9, False, (PION_MASS,), 2.0),
    Resonance("omega(782)", 0.783, 3, False, (PION_MASS, PION_MASS), 3 * 0.892),
    Resonance("eta", 0.548, 1, False, (PION_MASS, PION_MASS), 3 * (0.326 + 0.230)),
    Resonance("K*(892)", 0.894, 12, False, (_KAON_MASS,), 1.0),
    Resonance("Delta(1232)", 1.232, 32, True, (_NUCLEON_MASS,), 1.0),
)


def decay_pions(surface: Surface, pt: Floats, phi: Floats) -> Floats:
    """Number of pions from decays, dN / (dy dpT dphi), (len(pt), len(phi)) in 1/GeV.

    pt: middles in GeV of equal bins from 0 on; phi: azimuths of equal bins around the circle.
    """
    width, turn = 2 * pt[0], 2 * math.pi / len(phi)
    # Pions of up to pT come from resonances of somewhat more; beyond twice as much there is next to nothing.
    mothers = (np.arange(2 * len(pt)) + 0.5) * width
    components = np.zeros((len(pt), len(phi) // 2 + 1), np.complex128)
    for resonance in RESONANCES:
        kernel = np.fft.rfft(decay_kernel(resonance, width, len(mothers), len(pt), len(phi)), axis=2)
        emitted = spectrum(surface, mothers, phi, resonance.mass, resonance.degeneracy, fermions=resonance.fermion)
        components += np.einsum("mk,mpk->pk", np.fft.rfft(emitted * width * turn, axis=1), kernel)
    return np.asarray(np.fft.irfft(components, len(phi), axis=1) / (width * turn))


@lru_cache(maxsize=32)
def decay_kernel(resonance: Resonance, width: float, n_mothers: int, n_pt: int, n_phi: int) -> Floats:
    """Mean number of pions (n_mothers, n_pt, n_phi) of a resonance, by its pT, the pion's pT, and the angle.

    Bins of pT are ``width`` GeV wide from 0 on; bin 0 of the angle, of ``n_phi`` in the circle, is centred at 0.
    """
    momentum, weight = _momenta(resonance)
    cosine = (np.arange(_N_COSINES) + 0.5) / _N_COSINES * 2 - 1
    angle = (np.arange(_N_ANGLES) + 0.5) / _N_ANGLES * 2 * math.pi
    p, c, a = np.meshgrid(momentum, cosine, angle, indexing="ij")
    share = np.broadcast_to(weight[:, None, None], p.shape) / (_N_COSINES * _N_ANGLES)
    energy = np.sqrt(p**2 + PION_MASS**2)
    along, across = p * np.sqrt(1 - c**2) * np.cos(a), p * np.sqrt(1 - c**2) * np.sin(a)
    kernel = np.zeros((n_mothers, n_pt, n_phi))
    for mother in range(n_mothers):
        for k in range(_N_WITHIN):
            boost = (mother + (k + 0.5) / _N_WITHIN) * width / resonance.mass  # of the mother along its pT
            px = along * math.sqrt(1 + boost**2) + energy * boost
            bins = (np.hypot(px, across) / width).astype(np.int64)
            turn = np.rint(np.arctan2(across, px) / (2 * math.pi) * n_phi).astype(np.int64) % n_phi
            inside = bins < n_pt
            flat = np.bincount((bins * n_phi + turn)[inside], share[inside], n_pt * n_phi)
            kernel[mother] += flat.reshape(n_pt, n_phi)
    kernel *= resonance.pions / _N_WITHIN
    kernel.flags.writeable = False
    return kernel


def _momenta(resonance: Resonance) -> tuple[Floats, Floats]:
    """Momenta (GeV) of the pion in the rest frame of the resonance, and their weights, which sum to 1."""
    if len(resonance.other) == 1:
        return np.array([_breakup(resonance.mass, PION_MASS, resonance.other[0])]), np.ones(1)
    # Phase space: the other two have a mass m with the weight p(m) q(m), momenta in both rest frames.
    least, most = sum(resonance.other), resonance.mass - PION_MASS
    mass = least + (np.arange(_N_MASSES) + 0.5) / _N_MASSES * (most - least)
    p = np.array([_breakup(resonance.mass, PION_MASS, float(m)) for m in mass])
    weight = p * [_breakup(float(m), *resonance.other) for m in mass]
    return p, weight / weight.sum()


def _breakup(mass: float, first: float, second: float) -> float:
    """Momentum of both daughters in the rest frame."""
    return math.sqrt((mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)) / (2 * mass)
