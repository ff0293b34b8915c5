"""What a physicist counts in a generated event: particles by kind, the decay tree, the event's shape."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pd4ml.datasets.belle.features import real
from pd4ml.datasets.belle.tokens import pdg_tokens
from pd4ml.storage.store import Array

__all__ = ["summary"]

# Kinds by PDG code, signs apart where the selection tells them apart.
_KINDS = {
    "pi_plus": (211,),
    "pi_minus": (-211,),
    "K_plus": (321,),
    "K_minus": (-321,),
    "K_short": (310,),
    "K_long": (130,),
    "pi0": (111,),
    "photon": (22,),
    "electron": (11, -11),
    "muon": (13, -13),
    "neutrino": (12, -12, 14, -14, 16, -16),
    "nucleon": (2212, -2212, 2112, -2112),
    "eta": (221, 331),
    "omega_rho": (223, 113, 213, -213),
    "D0": (421, -421),
    "D_plus": (411, -411),
    "D_star": (413, -413, 423, -423),
    "D_s": (431, -431, 433, -433),
    "charmonium": (443, 441, 100443),
    "tau": (15, -15),
}
_CHARGED = (211, -211, 321, -321, 11, -11, 13, -13, 2212, -2212)
_COS_ACCEPTED = (np.cos(np.radians(150)), np.cos(np.radians(17)))  # of Belle II's tracker


def summary(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Numbers (N,) of each event; energies in GeV, shapes of the final state in its centre of mass."""
    particles, mother = np.asarray(arrays["particles"]), np.asarray(arrays["mother_index"]).astype(np.int64)
    exists = real(particles)
    token = np.where(exists, particles[..., 8].astype(np.int64), -1)
    p4 = particles[..., [1, 5, 6, 7]].astype(np.float64) * exists[..., None]
    final, depth = _tree(mother, exists)
    columns: dict[str, Array] = {f"n_{name}": _count(token, codes) for name, codes in _KINDS.items()}
    momentum = np.linalg.norm(p4[..., 1:], axis=2)
    cosine = p4[..., 3] / np.maximum(momentum, 1e-9)
    tracks = final & np.isin(token, pdg_tokens(_CHARGED))
    accepted = tracks & (cosine > _COS_ACCEPTED[0]) & (cosine < _COS_ACCEPTED[1]) & (momentum > 0.05)
    invisible = np.isin(token, pdg_tokens(_KINDS["neutrino"] + _KINDS["K_long"]))
    columns |= {
        "particles": exists.sum(axis=1),
        "final": final.sum(axis=1),
        "tracks": tracks.sum(axis=1),
        "tracks_accepted": accepted.sum(axis=1),
        "track_energy": (p4[..., 0] * accepted).sum(axis=1),
        "largest_momentum": (momentum * accepted).max(axis=1),
        "visible_energy": (p4[..., 0] * (final & ~invisible)).sum(axis=1),
        "invisible_energy": (p4[..., 0] * (final & invisible)).sum(axis=1),
        "photon_energy": (p4[..., 0] * (final & np.isin(token, pdg_tokens((22,))))).sum(axis=1),
        "depth": depth.max(axis=1),
        "mean_depth": (depth * final).sum(axis=1) / np.maximum(final.sum(axis=1), 1),
        "mothers": (exists & ~final).sum(axis=1),
    }
    return columns | _of_the_b(token, mother, final) | _shape(_boosted(p4 * final[..., None]))


def _count(token: Array, codes: tuple[int, ...]) -> Array:
    counts: Array = np.isin(token, pdg_tokens(codes)).sum(axis=1)
    return counts


def _tree(mother: Array, exists: Array) -> tuple[Array, Array]:
    """(N, 100) which particles have no daughters, and how many generations each is from its root."""
    n, size = mother.shape
    event, daughter = np.nonzero(exists & (mother >= 0))
    has_daughters = np.zeros((n, size), bool)
    has_daughters[event, mother[event, daughter]] = True
    depth = np.zeros((n, size), np.int64)
    ancestor = np.where(exists, mother, -1)
    while (ancestor >= 0).any():
        depth += ancestor >= 0
        ancestor = np.where(ancestor >= 0, np.take_along_axis(mother, np.maximum(ancestor, 0), axis=1), -1)
        if depth.max() > size:  # a circle, which the graph's builder refuses
            break
    return exists & ~has_daughters, depth


def _of_the_b(token: Array, mother: Array, final: Array) -> dict[str, Array]:
    """Direct daughters of either B meson, fewest first: a hadronic candidate is made of few."""
    is_b = np.isin(token, pdg_tokens((511, -511)))
    from_b = (mother >= 0) & np.take_along_axis(is_b, np.maximum(mother, 0), axis=1)
    counts = np.zeros(mother.shape, np.int64)
    event, daughter = np.nonzero(from_b & ~is_b)
    np.add.at(counts, (event, mother[event, daughter]), 1)
    few = np.where(counts > 0, counts, 99).min(axis=1)
    lepton = from_b & np.isin(token, pdg_tokens(_KINDS["neutrino"]))
    return {
        "b_daughters_few": few,
        "b_daughters": counts.sum(axis=1),
        "b_neutrinos": lepton.sum(axis=1),
        "b_final_daughters": (from_b & final).sum(axis=1),
    }


def _boosted(p4: Array) -> Array:
    """Three-momenta (N, 100, 3) in the rest frame of the sum of ``p4`` (N, 100, 4)."""
    total = p4.sum(axis=1)
    beta = total[:, 1:] / np.maximum(total[:, :1], 1e-9)
    gamma = 1 / np.sqrt(np.maximum(1 - (beta**2).sum(axis=1), 1e-9))[:, None]
    along = np.einsum("npi,ni->np", p4[..., 1:], beta)
    factor = gamma**2 / (gamma + 1) * along - gamma * p4[..., 0]
    momenta: Array = p4[..., 1:] + factor[..., None] * beta[:, None]
    return momenta


def _shape(momenta: Array) -> dict[str, Array]:
    """Fox-Wolfram ratios R_2 to R_4 (Phys. Rev. Lett. 41 (1978) 1581), sphericity and aplanarity."""
    size = np.linalg.norm(momenta, axis=2)
    unit = momenta / np.maximum(size, 1e-9)[..., None]
    cosine = np.clip(unit @ unit.transpose(0, 2, 1), -1, 1)
    zeroth = np.maximum(size.sum(axis=1), 1e-9) ** 2
    # Mean powers of the cosine, weighted with both momenta; R_1 is 0 in the centre of mass.
    power = {n: np.einsum("ni,nij,nj->n", size, cosine**n, size, optimize=True) / zeroth for n in (1, 2, 3, 4)}
    columns = {
        "R2": 1.5 * power[2] - 0.5,
        "R3": 2.5 * power[3] - 1.5 * power[1],
        "R4": 4.375 * power[4] - 3.75 * power[2] + 0.375,
    }
    tensor = momenta.transpose(0, 2, 1) @ momenta / np.maximum((size**2).sum(axis=1), 1e-9)[:, None, None]
    values = np.linalg.eigvalsh(tensor)
    return columns | {"sphericity": 1.5 * (values[:, 0] + values[:, 1]), "aplanarity": 1.5 * values[:, 0]}
