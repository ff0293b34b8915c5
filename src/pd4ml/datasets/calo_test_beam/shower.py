"""Electromagnetic showers in the stack, and the numbers that all showers are made with.

Energy is laid down in *spots*, one at a time, each in the tile that it falls into. Longitudinal profiles are PDG's
gamma distributions (Review of Particle Physics, "Passage of particles through matter"), lateral ones the two
components of Grindhammer and Peters (hep-ex/0001020). Numbers of ``Parameters`` that name no source are tuned to
pions, electrons and muons of Geant4 (README). This module imports numba.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.calo_test_beam.stack import (
    BIRKS,
    MIP,
    N_LAYERS,
    N_TILES,
    PITCH,
    TILE,
    TILE_THICKNESS,
    TIME_CUT,
)

__all__ = ["PARAMETERS", "Parameters", "away", "electromagnetic", "knock_on", "neutral_pion", "put", "seen_with"]

Floats = NDArray[np.float64]

_SIDE = N_TILES * TILE / 2  # mm
X0_PER_LAYER = 1.06  # radiation lengths


class Parameters(NamedTuple):
    """What the showers are made with; lengths across in mm, along in layers, energies in GeV or MIP."""

    electron: float = 50.8  # MIP/GeV
    spots: float = 59.0  # of an electromagnetic shower a GeV
    critical: float = 0.0177  # GeV; 0.0217 in iron (PDG)
    fall: float = 0.564  # b of the gamma distribution, 1/X0
    early: float = 0.85  # X0 by which a shower is ahead of the distribution
    core: float = 8.0  # lateral scales of Grindhammer's two components, and the share of the first
    tail: float = 60.0
    core_share: float = 0.96
    landau: float = 0.18  # width of a track's Moyal distribution in MIP about 1
    delta: float = 0.06  # electrons above 20 MeV a layer that a muon or pion knocks on
    first: float = 11.7  # layers to the first interaction, to later ones of slow pions, and to those of nucleons
    interaction: float = 8.91
    nucleon_path: float = 8.7
    slow_pion: float = 3.5  # GeV, kinetic: there the path of pions is half way from `interaction` to `first`
    leading: float = 0.26  # mean share of what the nucleus leaves that a leading pion takes
    exchange: float = 0.12  # how often it is a neutral one
    mesons: float = 4.48  # others besides the first, for each unit of ln(1 + energy)
    evenness: float = 0.576  # with which they share the energy: shape of a gamma distribution
    neutral: float = 0.35  # share of them that is neutral
    momentum: float = 0.288  # rms transverse momentum of mesons along x and along y
    least: float = 3.18  # energy, below which the nucleus takes all of it
    nuclear: float = 0.608  # mean energy that the nucleus takes at 1 GeV, and the power with which it rises
    nuclear_power: float = 0.174
    nucleon: float = 0.146  # mean kinetic energy of nucleons that are set free
    binding: float = 0.00887  # energy that is lost with each
    protons: float = 0.513  # share of protons among them
    neutrons: float = 0.217  # mean number of spots that slow neutrons leave for each
    neutron: float = 1.72  # MIP, mean of a spot
    neutron_width: float = 38.4  # mm, exponential in two dimensions
    neutron_depth: float = 0.96  # layers, rms, in both directions
    late: float = 0.248  # share of neutrons' spots that come late, and the two times in ns
    early_time: float = 1.06
    late_time: float = 30.0
    birks: float = BIRKS * MIP / TILE_THICKNESS  # 1/MIP
    quenching: float = 1.0  # of what neutrons knock on, against the Birks's constant tuned with
    time_gate: float = TIME_CUT  # ns


PARAMETERS = Parameters()
_SLOW = 3.0  # MeV/mm, about what protons of 20 MeV lose in polystyrene; chosen


def seen_with(parameters: Parameters, birks: float, time_gate: float) -> Parameters:
    """The parameters for another Birks's constant in mm/MeV and another gate in ns than they are tuned with."""
    quenching = (1 + BIRKS * _SLOW) / (1 + birks * _SLOW)
    return parameters._replace(birks=birks * MIP / TILE_THICKNESS, quenching=quenching, time_gate=time_gate)


@njit(cache=True, nogil=True)
def put(
    layer: int, x: float, y: float, mip: float, time: float, p: Parameters, deposit: Floats, first: Floats
) -> None:
    """Add energy to a tile at a ``time`` after light has come there, if the gate is open then."""
    column, row = math.floor((x + _SIDE) / TILE), math.floor((y + _SIDE) / TILE)
    if layer < 0 or layer >= N_LAYERS or column < 0 or column >= N_TILES or row < 0 or row >= N_TILES:
        return
    if mip <= 0 or time > p.time_gate:
        return
    deposit[layer, column, row] += mip
    if time < first[layer, column, row]:
        first[layer, column, row] = time


@njit(cache=True, nogil=True)
def away(width: float) -> tuple[float, float]:
    """A place whose density falls exponentially with the distance."""
    r, phi = np.random.gamma(2.0, width), np.random.uniform(0.0, 2 * math.pi)
    return r * math.cos(phi), r * math.sin(phi)


@njit(cache=True, nogil=True)
def electromagnetic(
    energy: float, z: float, x: float, y: float, tx: float, ty: float, p: Parameters, d: Floats, f: Floats
) -> None:
    """Lay down the shower of an electron that begins at depth ``z`` in layers, along a line of slopes."""
    peak = max(math.log(energy / p.critical) - 0.5, 0.1) if energy > 0 else 0.1
    mean = p.electron / p.spots
    for _ in range(np.random.poisson(energy * p.spots)):
        along = -1.0
        while along < 0:
            along = (np.random.gamma(1 + p.fall * peak, 1 / p.fall) - p.early) / X0_PER_LAYER
        u = np.random.random()
        width = (p.core if np.random.random() < p.core_share else p.tail) * (0.5 + 0.5 * along / peak)
        r, phi = width * math.sqrt(u / (1 - u)), np.random.uniform(0.0, 2 * math.pi)
        px, py = x + tx * along * PITCH + r * math.cos(phi), y + ty * along * PITCH + r * math.sin(phi)
        put(math.floor(z + along), px, py, np.random.exponential(mean), 0.0, p, d, f)


@njit(cache=True, nogil=True)
def neutral_pion(
    energy: float, z: float, x: float, y: float, tx: float, ty: float, p: Parameters, d: Floats, f: Floats
) -> None:
    """Two photons that share its energy evenly, and each that of a pair, 9/7 radiation lengths on."""
    one = energy * np.random.random()
    for photon in (one, energy - one):
        free = np.random.exponential(9 / 7) / X0_PER_LAYER
        px, py = x + tx * free * PITCH, y + ty * free * PITCH
        electron = photon * np.random.random()
        electromagnetic(electron, z + free, px, py, tx, ty, p, d, f)
        electromagnetic(photon - electron, z + free, px, py, tx, ty, p, d, f)


@njit(cache=True, nogil=True)
def knock_on(energy: float, layer: int, x: float, y: float, p: Parameters, d: Floats, f: Floats) -> None:
    """Now and then, an electron that a fast particle of ``energy`` knocks on before a layer's tile."""
    if np.random.random() < p.delta:
        knocked = 0.02 / max(np.random.random(), 0.02 / energy)
        electromagnetic(knocked, layer - 0.5 * np.random.random(), x, y, 0.0, 0.0, p, d, f)
