"""Make ``resonances.csv`` from Pythia's particle data: python -m pd4ml.physics.hydro.make_resonances.

Masses, spins and branching ratios there follow the Review of Particle Physics; the states of an isospin multiplet,
and antiparticles, become one line. A decay that is open only by widths, and closed at the masses of the table, has
the products of its heaviest daughter in that one's place. Decays with leptons and weak decays are left out.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from typing import Any, TextIO

from pd4ml.physics.hydro.resonances import PHOTON, STABLE, TABLE

__all__ = ["MADE_WITH", "write_table"]

MADE_WITH = "8.317.2"  # of the package pythia8mc: another version may list other states

_HEAVIEST = 2.0  # GeV
_CODES = (*range(100, 1_000_000), 9000111, 9000211, 9000221, 9010221)  # of hadrons, without exotic ones
_STRANGE, _PHOTON = 3, 22
_MIXTURES = (130, 310)  # K0L and K0S are in the list as K0
_LEAST = 1e-3  # of branching ratios
# Decays go through it; as a state of a gas it is cancelled by the repulsion of pions (arXiv:1506.01260).
_SCALAR = "f_0(500)"

_Channels = dict[tuple[str, ...], float]


def write_table(file: TextIO) -> None:
    """Write name, mass, number of states, whether fermions; decays by ``;``: branching ratio, daughters."""
    import pythia8mc

    data = pythia8mc.Pythia("", False).particleData
    members: dict[str, list[Any]] = defaultdict(list)
    for code in _CODES:
        if data.isParticle(code) and data.isHadron(code) and code not in _MIXTURES:
            entry = data.findParticle(code)
            if data.heaviestQuark(code) <= _STRANGE and entry.m0() <= _HEAVIEST:
                members[_family(entry.name())].append(entry)
    number = {name: [e.spinType() * (2 if e.hasAnti() else 1) for e in found] for name, found in members.items()}
    masses = {PHOTON: 0.0} | {
        name: sum(n * e.m0() for n, e in zip(number[name], found, strict=True)) / sum(number[name])
        for name, found in members.items()
    }
    channels = {name: _channels(states, data) for name, states in members.items()}
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["name", "mass", "states", "fermion", "decays"])
    for name in sorted(members, key=masses.__getitem__):
        if name == _SCALAR:
            continue
        opened_ones: _Channels = defaultdict(float)
        for daughters, ratio in {} if name in STABLE else channels[name].items():
            for opened, share in _opened(masses[name], daughters, channels, masses).items():
                opened_ones[opened] += ratio * share
        kept = sorted(((r, d) for d, r in opened_ones.items() if r > _LEAST), reverse=True)
        total = sum(r for r, _ in kept)
        decays = "; ".join(" ".join([f"{r / total:.4f}", *d]) for r, d in kept)
        rows.writerow(
            [name, f"{masses[name]:.4f}", sum(number[name]), members[name][0].spinType() % 2 ^ 1, decays]
        )


def _family(name: str) -> str:
    """The name without charge; protons and neutrons, and their excited states, are N."""
    name = re.sub(r"_[LS]$", "", re.sub(r"(?:bar)?[-+0]+$", "", name))
    return re.sub(r"^[pn](?=\(|$)", "N", name)


def _channels(states: list[Any], data: Any) -> _Channels:
    """Branching ratios without leptons, the multiplet's mean."""
    found: _Channels = defaultdict(float)
    for entry in states:
        for k in range(entry.sizeChannels()):
            channel = entry.channel(k)
            codes = [abs(channel.product(j)) for j in range(channel.multiplicity())]
            if all(data.isHadron(code) or code == _PHOTON for code in codes):
                names = [PHOTON if c == _PHOTON else _family(data.findParticle(c).name()) for c in codes]
                found[tuple(sorted(names))] += channel.bRatio() / len(states)
    return found


def _opened(
    mass: float, daughters: tuple[str, ...], channels: dict[str, _Channels], masses: dict[str, float]
) -> _Channels:
    """The decay itself if it is open to a mother of this mass, or those into what its daughters decay into."""
    if sum(masses[d] for d in daughters) < mass and _SCALAR not in daughters:
        return {daughters: 1.0}
    unstable = [d for d in daughters if d not in STABLE]
    found: _Channels = defaultdict(float)
    if unstable:
        broken = max(unstable, key=lambda d: (d == _SCALAR, masses[d]))
        rest = list(daughters)
        rest.remove(broken)
        for products, ratio in channels[broken].items():
            for opened, share in _opened(mass, tuple(sorted([*rest, *products])), channels, masses).items():
                found[opened] += ratio * share
    return found


if __name__ == "__main__":
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        write_table(table)
    print(f"wrote {TABLE.name}", file=sys.stderr)
