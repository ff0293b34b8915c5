"""The decays that a B0 tag is put together from: those of Belle II's full event interpretation, as tables.

Channels, windows and numbers of candidates that are kept are those of basf2 (hadronic, neutral B, without baryons,
in analysis/scripts/fei/default_channels.py), which arXiv:1807.08680 describes. Charge conjugation is implied. What
a candidate's signal probability follows from is in ``signal_probability.csv``, which
``evidence/belle/probabilities.py`` fits to simulated events.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "B0",
    "BEAM",
    "CHANNELS",
    "EXCESS",
    "FEATURES",
    "GAMMA",
    "LISTS",
    "MASS",
    "OWN",
    "WEIGHTS",
    "Channel",
    "Tables",
    "channels",
    "tables",
]

# The lists of candidates, in the order in which they are filled. A "+" or a "0" stands for the antiparticle, too.
# Pions of "V0" may come from far away, all other tracks pass near the beams.
LISTS = (
    *("e+", "mu+", "pi+", "K+", "V0", "gamma", "pi0", "K_S0", "J/psi"),
    *("D0", "D+", "D_s+", "D*0", "D*+", "D_s*+", "B0"),
)
GAMMA, B0 = LISTS.index("gamma"), LISTS.index("B0")
# What is near its nominal value: the mass, that of its own antiparticle, the mass beyond those of the daughters,
# or the energy, which is half of the beams'.
MASS, OWN, EXCESS, BEAM = range(4)
_OWN_ANTIPARTICLE = ("gamma", "pi0", "K_S0", "J/psi")
# Of each list that is put together: PDG code, mass (GeV, PDG), window and width that the distance from what is
# expected is measured in (GeV), what is expected to be near its nominal value.
_COMPOSED = {
    "pi0": (111, 0.134977, 0.08, 0.18, 0.005, OWN),
    "K_S0": (310, 0.497611, 0.4, 0.6, 0.003, OWN),
    "J/psi": (443, 3.0969, 2.6, 3.7, 0.015, OWN),
    "D0": (421, 1.86484, 1.7, 1.95, 0.006, MASS),
    "D+": (411, 1.86966, 1.7, 1.95, 0.006, MASS),
    "D_s+": (431, 1.96835, 1.68, 2.1, 0.006, MASS),
    "D*0": (423, 2.00685, 0.0, 0.3, 0.001, EXCESS),
    "D*+": (413, 2.01026, 0.0, 0.3, 0.001, EXCESS),
    "D_s*+": (433, 2.1122, 0.0, 0.3, 0.001, EXCESS),
    "B0": (511, 5.27966, -0.5, 0.5, 0.02, BEAM),
}
_MASSES = {"pi+": 0.139570, "gamma": 0.0} | {name: row[1] for name, row in _COMPOSED.items()}
CHANNELS = {
    "pi0": ("gamma gamma",),
    "K_S0": ("V0+ V0-", "pi0 pi0"),
    "J/psi": ("e+ e-", "mu+ mu-"),
    "D0": (
        *("K- pi+", "K- pi+ pi0", "K- pi+ pi0 pi0", "K- pi+ pi+ pi-", "K- pi+ pi+ pi- pi0"),
        *("pi- pi+", "pi- pi- pi+ pi+", "pi- pi+ pi0", "pi- pi+ pi0 pi0"),
        *("K_S0 pi0", "K_S0 pi+ pi-", "K_S0 pi+ pi- pi0", "K- K+", "K- K+ pi0", "K- K+ K_S0"),
    ),
    "D+": (
        *("K- pi+ pi+", "K- pi+ pi+ pi0", "K- K+ pi+", "K- K+ pi+ pi0"),
        *("pi+ pi0", "pi+ pi+ pi-", "pi+ pi+ pi- pi0"),
        *("K_S0 pi+", "K_S0 pi+ pi0", "K_S0 pi+ pi+ pi-", "K+ K_S0 K_S0"),
    ),
    "D_s+": (
        *("K+ K_S0", "K+ pi+ pi-", "K+ K- pi+", "K+ K- pi+ pi0", "K+ K_S0 pi+ pi-", "K- K_S0 pi+ pi+"),
        *("K+ K- pi+ pi+ pi-", "pi+ pi+ pi-", "K_S0 pi+", "K_S0 pi+ pi0"),
    ),
    "D*0": ("D0 pi0", "D0 gamma"),
    "D*+": ("D0 pi+", "D+ pi0", "D+ gamma"),
    "D_s*+": ("D_s+ gamma", "D_s+ pi0"),
    "B0": (
        *("D- pi+", "D- pi+ pi0", "D- pi+ pi0 pi0", "D- pi+ pi+ pi-", "D- pi+ pi+ pi- pi0", "anti-D0 pi+ pi-"),
        *("D- D0 K+", "D- D*0 K+", "D*- D0 K+", "D*- D*0 K+"),
        *("D- D+ K_S0", "D*- D+ K_S0", "D- D*+ K_S0", "D*- D*+ K_S0"),
        *("D_s+ D-", "D*- pi+", "D*- pi+ pi0", "D*- pi+ pi0 pi0", "D*- pi+ pi+ pi-", "D*- pi+ pi+ pi- pi0"),
        *("D_s*+ D-", "D_s+ D*-", "D_s*+ D*-"),
        *("J/psi K_S0", "J/psi K+ pi-", "J/psi K_S0 pi+ pi-"),
    ),
}
# The logarithm of the odds of a signal is a sum of these, each with a weight of its own: sum and least of the
# daughters' log probabilities; |distance| from the nominal value in GeV, and log(1 + (distance / width)^2);
# momentum in GeV (of a photon the log of its energy); log(1 + |d0| / 0.1 mm) of the track nearest the beams.
FEATURES = ("one", "log_product", "log_least", "log_distance", "distance", "momentum", "displacement")
WEIGHTS = Path(__file__).with_name("signal_probability.csv")
_MOST_DAUGHTERS = 5


@dataclass(frozen=True)
class Channel:
    """A decay: the place of the mother in ``LISTS``, and the daughters'; which sign each has, 0 if it has none."""

    mother: int
    daughters: tuple[int, ...]
    signs: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Tables:
    """All C channels: ``mother`` (C,), ``daughters`` and ``signs`` (C, 5), ``weights`` (C, F).

    ``windows`` (C, 4) are nominal value, least, greatest, width, ``kinds`` (C,) of what, ``codes`` (C,) the PDG
    codes of mothers; ``photon`` (F,) the photons' weights.
    """

    mother: NDArray[np.int64]
    daughters: NDArray[np.int64]
    signs: NDArray[np.int64]
    weights: NDArray[np.float64]
    windows: NDArray[np.float64]
    kinds: NDArray[np.int64]
    codes: NDArray[np.int64]
    photon: NDArray[np.float64]


@cache
def channels() -> tuple[Channel, ...]:
    """All channels, in the order in which they are reconstructed."""
    return tuple(_channel(mother, decay) for mother in CHANNELS for decay in CHANNELS[mother])


def _channel(mother: str, decay: str) -> Channel:
    places, signs = [], []
    for name in decay.split():
        anti = name.startswith("anti-") or name.endswith("-")
        plain = name.removeprefix("anti-")
        plain = "V0" if plain.startswith("V0") else plain.replace("-", "+") if plain.endswith("-") else plain
        places.append(LISTS.index(plain))
        signs.append(0 if plain in _OWN_ANTIPARTICLE else -1 if anti else 1)
    return Channel(LISTS.index(mother), tuple(places), tuple(signs), f"{mother} -> {decay}")


@cache
def tables(weights: Path = WEIGHTS) -> Tables:
    """The channels with the ``weights`` of a file, 0 for what is not in it."""
    with weights.open(encoding="utf-8", newline="") as file:
        rows = {row["channel"]: [float(row[name]) for name in FEATURES] for row in csv.DictReader(file)}
    none = [0.0] * len(FEATURES)
    filled = [[*c.daughters, *[-1] * (_MOST_DAUGHTERS - len(c.daughters))] for c in channels()]
    signs = [[*c.signs, *[0] * (_MOST_DAUGHTERS - len(c.signs))] for c in channels()]
    composed = [_COMPOSED[LISTS[c.mother]] for c in channels()]
    return Tables(
        np.array([c.mother for c in channels()]),
        np.array(filled),
        np.array(signs),
        np.array([rows.get(c.text, none) for c in channels()]),
        np.array([_window(c) for c in channels()]),
        np.array([row[-1] for row in composed]),
        np.array([row[0] for row in composed]),
        np.array(rows.get("gamma", none)),
    )


def _window(channel: Channel) -> list[float]:
    """Nominal value, least, greatest, width."""
    _, mass, least, greatest, width, kind = _COMPOSED[LISTS[channel.mother]]
    if kind == EXCESS:
        mass -= sum(_MASSES[LISTS[d]] for d in channel.daughters)
    return [0.0 if kind == BEAM else mass, least, greatest, width]
