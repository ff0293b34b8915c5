"""Generated decays that several tests look at, and a reconstruction of B0 in plain Python."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.channels import BEAM, EXCESS, LISTS, OWN, channels, tables
from pd4ml.datasets.belle.config import Config
from pd4ml.datasets.belle.decays import DecayGenerator, Decays, boost
from pd4ml.datasets.belle.detector import MASSES, Seen, see
from pd4ml.datasets.belle.matching import is_signal
from pd4ml.datasets.belle.reconstruction import Candidates, lab_velocity, reconstruct, with_energy

__all__ = ["decays", "is_true", "plain_combinations", "seen"]


@cache
def decays() -> Decays:
    """3000 events."""
    return DecayGenerator(Config(), 11, np.random.default_rng(11))(3000)


@cache
def seen() -> tuple[Seen, Candidates]:
    """What the detector sees of ``decays()``, and the B0 candidates."""
    objects = see(decays(), Config(), np.random.default_rng(12))
    return objects, reconstruct(objects, Config())


def is_true(found: Candidates) -> NDArray[np.bool_]:
    """(B,) whether the candidates of ``seen()`` are B0 or anti-B0."""
    event, used = np.arange(len(decays())), np.stack([found.tracks, found.photons], axis=1)
    true = [is_signal(decays(), seen()[0], event, used, np.full(len(event), code)) for code in (511, -511)]
    both: NDArray[np.bool_] = (true[0] | true[1]) & (found.number > 0)
    return both


def plain_combinations(objects: Seen, event: int, channel: str) -> set[tuple[int, int]]:
    """Combinations of a channel of tracks and photons, and of its conjugate, in the window of mass, as bits."""
    place = next(i for i, c in enumerate(channels()) if c.text == channel)
    _, low, high, _ = tables().windows[place]
    assert tables().kinds[place] not in (EXCESS, BEAM)
    velocity, t, g = lab_velocity(Config()), objects.tracks, objects.photons
    here, there = slice(*t.offsets[event : event + 2]), slice(*g.offsets[event : event + 2])
    found = set()
    for sign in (1, -1):
        pools = []
        for daughter, charge in zip(channels()[place].daughters, channels()[place].signs, strict=True):
            if LISTS[daughter] == "gamma":
                p4 = boost(with_energy(g.p3[there], 0.0), velocity)
                pools.append([(p, ("photon", i)) for i, p in enumerate(p4)])
                continue
            hypothesis = ("e+", "mu+", "pi+", "K+").index(LISTS[daughter].replace("V0", "pi+"))
            p4 = boost(with_energy(t.p3[here], MASSES[hypothesis]), velocity)
            near = (np.abs(t.impact[here]) < [2.0, 4.0]).all(axis=1) | (LISTS[daughter] == "V0")
            good = near & (t.probability[here, hypothesis] > 0.01) & (t.charge[here] == sign * charge)
            pools.append([(p4[i], ("track", i)) for i in np.flatnonzero(good).tolist()])
        for choice in itertools.product(*pools):
            used = {name for _, name in choice}
            total = np.sum([p for p, _ in choice], axis=0)
            mass = np.sqrt(max(total[0] ** 2 - total[1:] @ total[1:], 0))
            if len(used) == len(choice) and low <= mass <= high:
                bits = {kind: sum(1 << i for k, i in used if k == kind) for kind in ("track", "photon")}
                found.add((bits["track"], bits["photon"]))
        if tables().kinds[place] == OWN:
            break
    return found
