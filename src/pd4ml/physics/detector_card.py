"""Detectors as data: what `pd4ml.physics.detector` needs to know of one, and those that are there.

The numbers are facts of Delphes' cards (https://github.com/delphes/delphes, cards/), the model is that of
arXiv:1307.6346. Another detector is another entry of `DETECTORS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["DETECTORS", "ByKind", "Detector", "Layer", "Tracker"]

Rows = tuple[tuple[float, ...], ...]


class ByKind(NamedTuple):
    """Rows of a table for each kind of charged particles."""

    hadron: Rows
    electron: Rows
    muon: Rows


@dataclass(frozen=True)
class Tracker:
    """A cylinder in a solenoid field.

    Parameters
    ----------
    radius, half_length : float
        In m. What is produced outside is not seen.
    field : float
        In T.
    efficiency : ByKind
        (largest abs(eta), largest pT in GeV, probability that a track is found); the first row that
        holds counts, where none does nothing is found.
    resolution : ByKind
        (largest abs(eta), a, b); the relative resolution of pT is a and b pT in quadrature.
    gaussian : bool
        Whether pT is smeared with a Gaussian, of which a track with nothing or less is lost; else log-normally.
    """

    radius: float
    half_length: float
    field: float
    efficiency: ByKind
    resolution: ByKind
    gaussian: bool


@dataclass(frozen=True)
class Layer:
    """A layer of the calorimeter, electromagnetic or hadronic.

    Parameters
    ----------
    rings : tuple
        (edges in eta, ascending; towers in azimuth) of neighbouring rings of towers, from -eta to eta.
    resolution : Rows
        (largest abs(eta), a, b, c, f0, f1, f2): the resolution in GeV is a E, b sqrt(E) and c in quadrature, times
        f0 + f1 abs(eta) + f2 eta^2.
    least : float
        Energy in GeV below which a tower shows nothing.
    significance : float
        The same in units of the resolution.
    """

    rings: tuple[tuple[tuple[float, ...], int], ...]
    resolution: Rows
    least: float
    significance: float


@dataclass(frozen=True)
class Detector:
    """What the response is made of.

    Parameters
    ----------
    description : str
        What it is like, and where its numbers come from.
    tracker : Tracker
        Tracks.
    ecal, hcal : Layer
        The two layers of the calorimeter; equal rings are common towers, which have one position an event.
    poor_tracks : bool
        Whether a track that its layer measures better than the tracker is scaled to what the layer says.
    """

    description: str
    tracker: Tracker
    ecal: Layer
    hcal: Layer
    poor_tracks: bool


def _evenly(low: int, high: int, step: float) -> tuple[float, ...]:
    """The edges low * step, ..., high * step."""
    return tuple(round(i * step, 6) for i in range(low, high + 1))


_EFFICIENCY = ByKind(
    hadron=(
        (math.inf, 0.1, 0.0),
        (1.5, 1.0, 0.70),
        (1.5, math.inf, 0.95),
        (2.5, 1.0, 0.60),
        (2.5, math.inf, 0.85),
    ),
    electron=(
        (math.inf, 0.1, 0.0),
        (1.5, 1.0, 0.73),
        (1.5, 100.0, 0.95),
        (1.5, math.inf, 0.99),
        (2.5, 1.0, 0.50),
        (2.5, 100.0, 0.83),
        (2.5, math.inf, 0.90),
    ),
    muon=(
        (math.inf, 0.1, 0.0),
        (1.5, 1.0, 0.75),
        (1.5, math.inf, 0.99),
        (2.5, 1.0, 0.70),
        (2.5, math.inf, 0.98),
    ),
)
_ATLAS_HADRONS = ((0.5, 0.06, 1.3e-3), (1.5, 0.10, 1.7e-3), (2.5, 0.25, 3.1e-3))
_ELECTRONS = ((0.5, 0.03, 1.3e-3), (1.5, 0.05, 1.7e-3), (2.5, 0.15, 3.1e-3))
_MUONS = ((0.5, 0.01, 1.0e-4), (1.5, 0.015, 1.5e-4), (2.5, 0.025, 3.5e-4))
_FINE = ((_evenly(-170, 170, 0.0174), 360),)  # within 2.958; beyond lie coarse towers that no jet here reaches
_ATLAS_ECAL = ((3.2, 0.0017, 0.101, 0.0, 1.0, 0.0, 0.0),)
_ATLAS_HCAL = ((1.7, 0.0302, 0.5205, 1.59, 1.0, 0.0, 0.0), (4.9, 0.05, 0.706, 0.0, 1.0, 0.0, 0.0))
_COMMON = (((-3.2, *_evenly(-25, 26, 0.1), 3.3), 36),)

DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {
        "atlas_2015": Detector(
            "ATLAS as in Delphes 3.3.0 to 3.3.2: common towers of 0.1 x 10 degrees, Gaussian tracks, "
            "energy flow that scales poor tracks",
            Tracker(
                1.15,
                3.51,
                2.0,
                _EFFICIENCY,
                ByKind(
                    _ATLAS_HADRONS, _ATLAS_HADRONS, ((0.5, 0.02, 2.0e-4), (1.5, 0.03, 3.0e-4), (2.5, 0.06, 6.0e-4))
                ),
                gaussian=True,
            ),
            Layer(_COMMON, _ATLAS_ECAL, 0.5, 1.0),
            Layer(_COMMON, _ATLAS_HCAL, 1.0, 1.0),
            poor_tracks=True,
        ),
        "atlas": Detector(
            "ATLAS as in Delphes 3.4 and later: fine ECAL towers, two standard deviations, log-normal tracks; "
            "excess over tracks as in arXiv:1307.6346",
            Tracker(
                1.15,
                3.51,
                2.0,
                _EFFICIENCY,
                ByKind(_ATLAS_HADRONS, _ELECTRONS, _MUONS),
                gaussian=False,
            ),
            Layer(_FINE, _ATLAS_ECAL, 0.5, 2.0),
            Layer(
                (((-3.2, -3.0, -2.8, -2.6), 18), (_evenly(-26, 26, 0.1), 36), ((2.6, 2.8, 3.0, 3.2), 18)),
                _ATLAS_HCAL,
                1.0,
                2.0,
            ),
            poor_tracks=False,
        ),
        "cms": Detector(
            "CMS as in Delphes 3.5: stiffer tracks, fine ECAL towers, HCAL towers of 0.087 x 5 degrees in "
            "the barrel; excess over tracks as in arXiv:1307.6346",
            Tracker(
                1.29,
                3.0,
                3.8,
                _EFFICIENCY,
                ByKind(((0.5, 0.01, 1.5e-4), (1.5, 0.015, 2.5e-4), (2.5, 0.025, 5.5e-4)), _ELECTRONS, _MUONS),
                gaussian=False,
            ),
            Layer(
                _FINE,
                (
                    (1.5, 0.008, 0.11, 0.40, 1.0, 0.0, 0.64),
                    (2.5, 0.008, 0.11, 0.40, 24.56, -22.4, 5.6),  # 2.16 + 5.6 (abs(eta) - 2)^2
                    (5.0, 0.107, 2.08, 0.0, 1.0, 0.0, 0.0),
                ),
                0.5,
                2.0,
            ),
            Layer(
                (
                    ((-2.95, -2.868, -2.65, -2.5, -2.322, -2.172, -2.043, -1.93, -1.83, -1.74, -1.653), 36),
                    (_evenly(-19, 19, 0.087), 72),
                    ((1.653, 1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95), 36),
                ),
                ((3.0, 0.05, 1.50, 0.0, 1.0, 0.0, 0.0),),
                1.0,
                2.0,
            ),
            poor_tracks=False,
        ),
    }
)
