"""Decays for the eye: the tree of an event, and what one plots of its particles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.tokens import token_names
from pd4ml.storage.store import Array

__all__ = ["draw", "observables"]

# Colours of the Okabe-Ito palette; the kinds also differ by their markers.
_KINDS = {
    "photon": ("#e69f00", "*", ("gamma",)),
    "lepton, neutrino": ("#d55e00", "^", ("e", "mu", "tau", "nu")),
    "pion": ("#0072b2", "o", ("pi",)),
    "kaon": ("#009e73", "s", ("K",)),
    "other": ("#cc79a7", "D", ("",)),
}
_CHARMED = ("D+", "D-", "D0", "D~0", "D(s)+", "D(s)-")


def draw(event: Mapping[str, Array], axes: Any) -> None:
    """The tree: generations downwards, daughters below their mothers, kinds by colour and marker."""
    particles, mother = np.asarray(event["particles"]), np.asarray(event["mother_index"]).astype(int)
    n = int(np.count_nonzero(particles[:, 8]))
    names, mother = [_name(int(token)) for token in particles[:n, 8]], mother[:n]
    x, depth = _layout(mother)
    linked = np.flatnonzero(mother >= 0)
    axes.plot([x[linked], x[mother[linked]]], [-depth[linked], -depth[mother[linked]]], color="#8a8a8a", lw=0.6)
    kinds = np.array([_kind(name) for name in names])
    for kind, (colour, marker, _) in _KINDS.items():
        if here := np.flatnonzero(kinds == kind).tolist():
            axes.scatter(x[here], -depth[here], s=22, c=colour, marker=marker, label=kind, zorder=3, linewidths=0)
    has_daughters = np.isin(np.arange(n), mother)
    for i in np.flatnonzero(has_daughters):
        # More names would lie upon each other.
        if depth[i] < 2 or names[i] in _CHARMED:
            axes.annotate(names[i], (x[i], -depth[i]), (3, 3), textcoords="offset points", fontsize="x-small")
    axes.set(xticks=[], ylabel="generation", ylim=(-depth.max() - 1.6, 0.7), title=f"{n} particles")
    axes.set_yticks(-np.arange(depth.max() + 1), np.arange(depth.max() + 1))
    axes.minorticks_off()
    axes.legend(loc="lower center", ncols=3, fontsize="x-small", handletextpad=0.1, columnspacing=0.8)


def observables(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Particles of an event; their momenta, energies, distances of production from the beam, and times."""
    particles = np.asarray(arrays["particles"], np.float64)
    real = particles[..., 8] > 0
    momentum = np.sqrt(np.sum(particles[..., 5:8] ** 2, axis=-1))
    radius = np.hypot(particles[..., 2], particles[..., 3])[real]
    time = particles[..., 0][real]
    return {
        "particles per event": real.sum(axis=1),
        "momentum of particles [GeV]": momentum[real],
        "energy of particles [GeV]": particles[..., 1][real],
        "lg(production radius / cm), above 1 µm": np.log10(radius[radius > 1e-4]),
        "lg(production time / ns), above 0.1 ps": np.log10(time[time > 1e-4]),
    }


def _layout(mother: NDArray[np.int_]) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Places of the particles: leaves side by side, mothers above the middle of their daughters; generations."""
    n = len(mother)
    daughters: list[list[int]] = [[] for _ in range(n)]
    for i, m in enumerate(mother):
        if m >= 0:
            daughters[m].append(i)
    x, depth = np.zeros(n), np.zeros(n, int)
    free = 0

    def place(i: int, generation: int) -> None:
        nonlocal free
        depth[i] = generation
        for daughter in daughters[i]:
            place(daughter, generation + 1)
        if daughters[i]:
            x[i] = np.mean(x[daughters[i]])
        else:
            x[i], free = free, free + 1

    for root in np.flatnonzero(mother < 0):
        place(int(root), 0)
    return x, depth


def _name(token: int) -> str:
    return token_names()[token - 1] if 1 <= token <= len(token_names()) else "?"


def _kind(name: str) -> str:
    return next(kind for kind, (_, _, starts) in _KINDS.items() if _matches(name, starts))


def _matches(name: str, starts: tuple[str, ...]) -> bool:
    """Whether a name is one of ``starts``, apart from charge and flavour: ``K(S)0`` is a K, ``eta`` no e."""
    return "" in starts or any(name.startswith(s) and not name[len(s) :][:1].isalpha() for s in starts)
