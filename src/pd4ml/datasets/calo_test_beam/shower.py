"""Showers in the stack from a few formulae: electromagnetic ones, the rest of hadronic ones, tracks.

Energy is laid down in *spots*, one at a time, each in the tile that it falls into. Longitudinal profiles of
electromagnetic showers are PDG's gamma distributions with b = 0.5 (Review of Particle Physics, "Passage of
particles through matter"), their lateral ones the two components of Grindhammer and Peters (hep-ex/0001020). The
mean electromagnetic share of pions follows Gabriel et al. (Nucl. Instrum. Meth. A 338 (1994) 336). All numbers
of ``Parameters`` that name no source are tuned to pions, electrons and muons of Geant4 (README). This module
imports numba.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd4ml.compiled import njit
from pd4ml.datasets.calo_test_beam.stack import BIRKS, N_LAYERS, N_TILES, PITCH, TILE, TIME_CUT

__all__ = ["PARAMETERS", "Parameters", "em_share", "lay_down", "seen_with"]

Floats = NDArray[np.float64]

_SIDE = N_TILES * TILE / 2  # mm
_X0_PER_LAYER = 1.06  # radiation lengths
ELECTRON, MUON = 11, 13


class Parameters(NamedTuple):
    """What the showers are made with; lengths across in mm, along in layers, energies in GeV or MIP."""

    interaction: float = 10.9  # layers to the first interaction of a pion
    electron: float = 50.0  # MIP/GeV
    spots: float = 59.0  # of an electromagnetic shower a GeV
    critical: float = 0.030  # GeV; 0.0217 in iron (PDG)
    fall: float = 0.62  # b of the gamma distribution, 1/X0
    core: float = 5.5  # lateral scales of Grindhammer's two components, and the share of the first
    tail: float = 52.0
    core_share: float = 0.91
    hadron: float = 33.2  # MIP/GeV of what is not electromagnetic
    hadron_spread: float = 0.12  # its relative spread at 1 GeV, falling with the root of the energy
    gabriel_k: float = 0.818
    share_spread: float = 0.35  # of the electromagnetic share at 10 GeV, and the power with which it falls
    share_power: float = 0.5
    pions: float = 0.5  # neutral pions of a vertex besides the first, times their energy in GeV to a power
    pion_power: float = 0.8
    momentum: float = 0.498  # rms transverse momentum of secondaries along x and along y, GeV
    leading: float = 0.28  # mean share of energy that a leading pion takes on to the next vertex
    least: float = 2.0  # GeV; below, there is none
    tracks: float = 0.25  # shares of the rest: straight tracks, slow protons; what remains are neutrons
    protons: float = 0.45
    depth: float = 1.15  # shape and scale in layers of the depth at which the rest is made
    depth_scale: float = 1.2
    track: float = 5.57  # layers, mean length
    slope: float = 0.656  # rms of the tangent of tracks
    proton: float = 6.0  # MIP, mean of a spot
    proton_width: float = 15.4  # mm, exponential in two dimensions
    slow: float = 0.3  # ns, mean delay of slow protons
    neutron: float = 1.9  # MIP, mean of a spot
    neutron_width: float = 59.1
    neutron_depth: float = 1.98  # further layers, rms, in both directions
    late: float = 0.26  # share of neutrons' spots that come late, and the two times in ns
    early_time: float = 1.06
    late_time: float = 30.0
    landau: float = 0.18  # width of a track's Moyal distribution in MIP about 1
    delta: float = 0.06  # electrons above 20 MeV a layer that a muon or pion knocks on
    quenching: float = 1.0  # of slow protons and what neutrons knock on, against the Birks's constant tuned with
    time_gate: float = TIME_CUT  # ns


PARAMETERS = Parameters()
_SLOW = 3.0  # MeV/mm, about what protons of 20 MeV lose in polystyrene; chosen


def seen_with(parameters: Parameters, birks: float, time_gate: float) -> Parameters:
    """The parameters for another Birks's constant in mm/MeV and another gate in ns than they are tuned with."""
    quenching = (1 + BIRKS * _SLOW) / (1 + birks * _SLOW)
    return parameters._replace(quenching=quenching, time_gate=time_gate)


def em_share(energy: Floats, parameters: Parameters, rng: np.random.Generator) -> Floats:
    """Electromagnetic shares of hadrons of ``energy`` (N,) GeV, drawn from beta distributions."""
    mean: Floats = np.maximum(1 - energy ** (parameters.gabriel_k - 1), 0.02)  # E0 of charged pions: 1 GeV
    rms = parameters.share_spread * (energy / 10) ** -parameters.share_power
    total = np.maximum(mean * (1 - mean) / rms**2 - 1, 0.2)
    share: Floats = rng.beta(mean * total, (1 - mean) * total)
    return share


@njit(cache=True, nogil=True)
def _put(
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
def _away(width: float) -> tuple[float, float]:
    """A place whose density falls exponentially with the distance."""
    r, phi = np.random.gamma(2.0, width), np.random.uniform(0.0, 2 * math.pi)
    return r * math.cos(phi), r * math.sin(phi)


@njit(cache=True, nogil=True)
def _electromagnetic(
    energy: float,
    z: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    shift: float,
    p: Parameters,
    d: Floats,
    f: Floats,
) -> None:
    """Lay down a shower that begins at depth ``z`` in layers; ``shift`` is -0.5 of electrons, 0.5 of photons."""
    peak = max(math.log(energy / p.critical) + shift, 0.1) if energy > 0 else 0.1
    mean = p.electron / p.spots
    for _ in range(np.random.poisson(energy * p.spots)):
        along = np.random.gamma(1 + p.fall * peak, 1 / p.fall) / _X0_PER_LAYER
        u = np.random.random()
        width = (p.core if np.random.random() < p.core_share else p.tail) * (0.5 + 0.5 * along / peak)
        r, phi = width * math.sqrt(u / (1 - u)), np.random.uniform(0.0, 2 * math.pi)
        px, py = x + tx * along * PITCH + r * math.cos(phi), y + ty * along * PITCH + r * math.sin(phi)
        _put(math.floor(z + along), px, py, np.random.exponential(mean), 0.0, p, d, f)


@njit(cache=True, nogil=True)
def _track(
    begin: float,
    end: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    energy: float,
    p: Parameters,
    d: Floats,
    f: Floats,
) -> float:
    """A minimum ionising particle from depth to depth, with the electrons it knocks on; gives its own MIP."""
    total, path = 0.0, math.sqrt(1 + tx * tx + ty * ty)
    for layer in range(max(math.ceil(begin - 0.5), 0), min(math.ceil(end - 0.5), N_LAYERS)):
        along = (layer + 0.5 - begin) * PITCH
        px, py = x + tx * along, y + ty * along
        mip = (1.0 - p.landau * math.log(np.random.normal() ** 2 + 1e-12)) * path
        _put(layer, px, py, mip, 0.0, p, d, f)
        total += mip
        if energy > 1.0 and np.random.random() < p.delta:
            knocked = 0.02 / max(np.random.random(), 0.02 / energy)
            _electromagnetic(knocked, layer - 0.5 * np.random.random(), px, py, 0.0, 0.0, -0.5, p, d, f)
    return total


@njit(cache=True, nogil=True)
def _hadronic(energy: float, z: float, x: float, y: float, p: Parameters, d: Floats, f: Floats) -> None:
    """What is left of a hadron's energy: tracks, slow protons, neutrons."""
    shape, scale = p.depth, p.depth_scale
    seen = p.hadron * energy * max(1 + p.hadron_spread / math.sqrt(energy + 0.1) * np.random.normal(), 0.05)
    left = seen * p.tracks
    while left > 0:
        begin = z + np.random.gamma(shape, scale) - 0.5
        ax, ay = _away(0.3 * p.proton_width)
        tx, ty = p.slope * np.random.normal(), p.slope * np.random.normal()
        end = begin + np.random.exponential(p.track)
        left -= max(_track(begin, end, x + ax, y + ay, tx, ty, 0.0, p, d, f), 0.2)
    left = seen * p.protons
    while left > 0:
        mip = np.random.exponential(p.proton)
        ax, ay = _away(p.proton_width)
        depth = math.floor(z + np.random.gamma(shape, scale))
        _put(depth, x + ax, y + ay, p.quenching * mip, np.random.exponential(p.slow), p, d, f)
        left -= mip
    left = seen * (1 - p.tracks - p.protons)
    while left > 0:
        mip = np.random.exponential(p.neutron)
        ax, ay = _away(p.neutron_width)
        along = z + np.random.gamma(shape, scale) + p.neutron_depth * np.random.normal()
        time = np.random.exponential(p.late_time if np.random.random() < p.late else p.early_time)
        _put(math.floor(along), x + ax, y + ay, p.quenching * mip, time, p, d, f)
        left -= mip


@njit(cache=True, nogil=True)
def _vertex(
    energy: float, share: float, z: float, x: float, y: float, p: Parameters, d: Floats, f: Floats
) -> None:
    """What an interaction at depth ``z`` sets free: neutral pions and the rest."""
    n = 1 + np.random.poisson(p.pions * (share * energy) ** p.pion_power)
    parts = np.empty(n)
    for i in range(n):
        parts[i] = np.random.exponential(1.0)
    for part in parts / parts.sum() * share * energy:
        slope = min(p.momentum / (part + 1e-3), 0.5)
        tx, ty = slope * np.random.normal(), slope * np.random.normal()
        _electromagnetic(part, z, x, y, tx, ty, 0.5, p, d, f)
    _hadronic((1 - share) * energy, z, x, y, p, d, f)


@njit(cache=True, nogil=True)
def _pion(
    energy: float,
    share: float,
    z: float,
    x: float,
    y: float,
    tx: float,
    ty: float,
    p: Parameters,
    d: Floats,
    f: Floats,
) -> None:
    """A pion that interacts at depth ``z``; a leading one flies on and does the same."""
    before = 0.0
    while True:
        _track(before, z, x, y, tx, ty, energy, p, d, f)
        if z >= N_LAYERS:
            return
        x, y = x + tx * (z - before) * PITCH, y + ty * (z - before) * PITCH
        leading = energy * np.random.beta(1.0, 1 / p.leading - 1)
        if leading < p.least:
            leading = 0.0
        _vertex(energy - leading, share, z, x, y, p, d, f)
        if leading == 0.0:
            return
        energy, before = leading, z
        z += np.random.exponential(p.interaction)
        tx, ty = tx + p.momentum / energy * np.random.normal(), ty + p.momentum / energy * np.random.normal()


@njit(cache=True, nogil=True)
def lay_down(
    seed: int,
    pdg_id: int,
    energy: float,
    share: float,
    start: float,
    place: Floats,
    p: Parameters,
    deposit: Floats,
    first: Floats,
) -> None:
    """One event: visible energy in MIP (layers, columns, rows), and the time after light of each tile's first.

    ``start`` is the depth of the first interaction in layers, ``share`` what becomes electromagnetic.
    """
    np.random.seed(seed)
    x, y, tx, ty = place[0], place[1], 0.0, 0.0
    kind = abs(pdg_id)
    if kind == ELECTRON:
        _electromagnetic(energy, 0.0, x, y, tx, ty, -0.5, p, deposit, first)
    elif kind == MUON:
        _track(0.0, float(N_LAYERS), x, y, tx, ty, energy, p, deposit, first)
    else:
        _pion(energy, share, start, x, y, tx, ty, p, deposit, first)
