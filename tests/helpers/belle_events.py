"""Generated decays that several tests look at, and a selection of B0 in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays
from pd4ml.datasets.belle.detector import KAON, OTHER, Seen, see
from pd4ml.datasets.belle.reconstruction import B_MODES, D_MODES, Candidates, reconstruct

__all__ = ["decays", "plain_candidates", "seen", "used_momentum"]

MASS = {"pi0": 0.134977, "D0": 1.86484, "D+": 1.86966}
# A D*+ decays to D0 pi+ or D+ pi0, with these differences of mass.
STAR = {"D0": ("pi+", 0.145426), "D+": ("pi0", 0.140603)}

Combination = tuple[NDArray[np.float64], frozenset[tuple[str, int]]]


@cache
def decays() -> Decays:
    """3000 events."""
    return DecayGenerator(Config(), 11, np.random.default_rng(11))(3000)


@cache
def seen() -> tuple[Seen, Candidates]:
    """What the detector sees of ``decays()``, and the B0 candidates."""
    objects = see(decays(), Config(), np.random.default_rng(12))
    return objects, reconstruct(objects, Config())


def used_momentum(candidates: Candidates, objects: Seen, generated: Decays, event: int) -> NDArray[np.float64]:
    """Generated four-momentum of the particles that the candidate of ``event`` is made of."""
    total = np.zeros(4)
    kinds = ((objects.tracks, candidates.tracks), (objects.photons, candidates.photons))
    for things, masks in (*kinds, (objects.k_shorts, candidates.k_shorts)):
        first, last = things.offsets[event : event + 2]
        for bit in range(last - first):
            if int(masks[event]) >> bit & 1:
                total += generated.p4[things.source[first + bit]]
    return total


def _mass(p: NDArray[np.float64]) -> float:
    return float(np.sqrt(max(p[0] ** 2 - p[1:] @ p[1:], 0.0)))


def _pool(objects: Any, event: int, config: Config) -> dict[str, list[Combination]]:
    """The detected objects of an event by name, and pi0 from pairs of photons."""
    pool: dict[str, list[Combination]] = {name: [] for name in ("K-", "K+", "pi+", "pi-", "pi0", "K0S")}
    t = objects.tracks
    for bit, i in enumerate(range(*t.offsets[event : event + 2])):
        if t.kind[i] != OTHER:
            name = ("K" if t.kind[i] == KAON else "pi") + ("+" if t.charge[i] > 0 else "-")
            pool[name].append((t.p4[i], frozenset([("t", bit)])))
    k = objects.k_shorts
    pool["K0S"] = [(k.p4[i], frozenset([("k", b)])) for b, i in enumerate(range(*k.offsets[event : event + 2]))]
    g = objects.photons
    pairs = itertools.combinations(enumerate(range(*g.offsets[event : event + 2])), 2)
    for (bit_i, i), (bit_j, j) in pairs:
        mass = _mass(g.p4[i] + g.p4[j])
        if abs(mass - MASS["pi0"]) < config.pi0_window:
            pool["pi0"].append(((g.p4[i] + g.p4[j]) * MASS["pi0"] / mass, frozenset([("g", bit_i), ("g", bit_j)])))
    return pool


def _combine(pool: dict[str, list[Combination]], names: list[str]) -> Iterator[Combination]:
    """All sets of different objects with these names."""
    done = set()
    for choice in itertools.product(*(pool[name] for name in names)):
        used = frozenset().union(*(u for _, u in choice))
        if len(used) == sum(len(u) for _, u in choice):
            key = frozenset(u for _, u in choice)  # like pions in another order are the same
            if key not in done:
                done.add(key)
                yield sum((p for p, _ in choice), np.zeros(4)), used


def plain_candidates(objects: Any, event: int, config: Config) -> list[tuple[str, str, float, float]]:
    """Candidates (D mode, B mode, M_bc, Delta E) of an event, from the names of the modes; laboratory momenta."""
    pool = _pool(objects, event, config)
    found = set()
    for conjugate in (False, True):
        found |= _of_one_flavour({name: pool[_conjugated(name) if conjugate else name] for name in pool}, config)
    return sorted((d, b, m, e) for d, b, m, e, _ in found)


def _conjugated(name: str) -> str:
    return name.translate(str.maketrans("+-", "-+"))


def _of_one_flavour(pool: dict[str, list[Combination]], config: Config) -> set[Any]:
    """Candidates whose D is a D0, D+ or D*+ (so that the B is an anti-B0 and the modes' pions are conjugate)."""
    beams = np.array(config.beams).sum(axis=0)
    found = set()
    for d_mode in D_MODES:
        name, products = d_mode.split(" -> ")
        window = config.d_window * (2 if "pi0" in products else 1)
        for p_d, used_d in _combine(pool, products.split()):
            if abs(_mass(p_d) - MASS[name]) >= window:
                continue
            stars = []
            slow, difference = STAR[name]
            for p, used in pool[slow]:
                if not used & used_d and abs(_mass(p + p_d) - _mass(p_d) - difference) < config.d_star_window:
                    stars.append((p + p_d, used | used_d))
            for b_mode in B_MODES:
                head, *pions = b_mode.removeprefix("B0 -> ").split()
                starts = {"D*-": stars, "D-": [(p_d, used_d)] * (name == "D+")}
                starts["anti-D0"] = [(p_d, used_d)] * (name == "D0")
                for p_start, used_start in starts[head]:
                    for p_pi, used_pi in _combine(pool, [_conjugated(pion) for pion in pions]):
                        if used_start & used_pi:
                            continue
                        total = p_start + p_pi
                        # In the centre of mass, from invariants: E* = p . P / sqrt(s).
                        s = beams[0] ** 2 - beams[1:] @ beams[1:]
                        energy = (total[0] * beams[0] - total[1:] @ beams[1:]) / np.sqrt(s)
                        m_bc = np.sqrt(max(s / 4 - (energy**2 - total[0] ** 2 + total[1:] @ total[1:]), 0))
                        delta_e = energy - np.sqrt(s) / 2
                        if abs(delta_e) <= config.delta_e_max and m_bc >= config.m_bc_min:
                            key = (used_start, used_pi)
                            found.add((d_mode, b_mode, round(m_bc, 6), round(delta_e, 6), key))
    return found
