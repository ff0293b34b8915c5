"""Generator level: e+e- -> Upsilon(4S) -> B0 anti-B0 and all decays, with Pythia 8's tables, in the laboratory.

Many Upsilon(4S) are written into one event record of Pythia, which decays them at once; the record is read as
arrays and sorted by event. Units: GeV, cm, ns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.errors import DataError
from pd4ml.physics.pythia import make_pythia

__all__ = ["DecayGenerator", "Decays", "boost"]

UPSILON_4S, B0 = 300553, 511
_SETTINGS = (
    # Only decays are asked for, and the record is to be handed out as it is.
    *("ProcessLevel:all = off", "HadronLevel:all = off", "PartonLevel:FSRinResonances = off", "Check:event = off"),
    # K0S and hyperons decay; what lives longer (c tau above 1 m: K0L, K+-, pi+-, muons, neutrons) stays as it is.
    *("ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 1000."),
    # The two B0 oscillate coherently, which is done here.
    "ParticleDecays:mixB = off",
    f"{UPSILON_4S}:new = Upsilon(4S) void 3 0 0 10.5794 0 0 0 0",
)
# Without this, Pythia would make decays that go over quarks, so most of those of B mesons, by phase space alone.
# It leaves gluons of the J/psi and its kin undecayed; those events, one in 1,000, are left out.
_PARTONS_TOO, _GLUON, _LAST_QUARK = True, 21, 6
# PDG: mean life of the B0 in ps, difference of the mass eigenstates in 1/ps.
_B_LIFETIME, _DELTA_M = 1.517, 0.5069
_CM_PER_PS = 0.0299792458
_MM, _MM_OVER_C = 0.1, 0.1 / 29.9792458  # Pythia's units in cm and ns
# SuperKEKB's design: energy spreads of 6.4e-4 and 8.1e-4 of the beams give this spread of the energy in the centre
# of mass (GeV). Of the luminous region, from bunch sizes of 10 um by 50 nm and the crossing angle: r.m.s. in cm.
_CM_SPREAD = 0.0054
_BEAM_SPOT = (7e-4, 4e-6, 0.018)


@dataclass(frozen=True)
class Decays:
    """The decays of B events, M particles in all, daughters after their mothers; the laboratory's frame.

    ``offsets`` (B + 1,) says where an event begins and ends; ``pdg_id`` (M,); ``mother`` (M,), counted within the
    event, -1 for the Upsilon(4S), which comes first; ``final`` (M,), True for what has not decayed; ``p4`` (M, 4)
    is (E, px, py, pz) in GeV, ``vertex`` (M, 4) the production's (t, x, y, z) in ns and cm.
    """

    offsets: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    mother: NDArray[np.int64]
    final: NDArray[np.bool_]
    p4: NDArray[np.float64]
    vertex: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def event(self) -> NDArray[np.int64]:
        """(M,) the event of each particle."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


class DecayGenerator:
    """Makes ``Decays``; what comes depends on the seed and on the calls so far."""

    def __init__(self, config: Config, seed: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pythia = make_pythia(_SETTINGS, seed)
        self.cm_energy, beams = config.cm_energy, np.array(config.beams)
        self.beam_velocity = beams.sum(axis=0)[1:] / beams[:, 0].sum()
        electron = boost(beams[:1], -self.beam_velocity)[0, 1:]
        self.beam_axis = electron / np.linalg.norm(electron)

    def __call__(self, n_events: int) -> Decays:
        """Generate ``n_events`` events; those that Pythia does not finish are left out, so that fewer may come."""
        energy = self.rng.normal(self.cm_energy, _CM_SPREAD, n_events)
        energy = np.maximum(energy, 2 * B_MASS + 1e-3)  # one in 10,000 lies below the threshold
        self._fill(energy)
        if not self.pythia.moreDecays(_PARTONS_TOO):
            msg = "Pythia gave up decaying a batch of Upsilon(4S): choose another seed"
            raise DataError(msg)
        return self._read(n_events)

    def _fill(self, energy: NDArray[np.float64]) -> None:
        """Write pairs of B mesons of ``energy`` (N,) into Pythia's record, in the centre of mass."""
        n = len(energy)
        momentum = np.sqrt(energy**2 / 4 - B_MASS**2)[:, None] * self._directions(n)
        proper_time = self.rng.exponential(_B_LIFETIME, (n, 2))
        # Until the first of them decays the two are never alike; then the other begins to oscillate.
        mixed = self.rng.random(n) < np.sin(_DELTA_M * (proper_time[:, 1] - proper_time[:, 0]) / 2) ** 2
        first = self.rng.choice([B0, -B0], n)
        second = np.where(mixed, first, -first)
        tau = proper_time * _CM_PER_PS / _MM
        record = self.pythia.event
        record.reset()
        columns = (energy, momentum, first, second, tau)
        for i, (e, p, id_1, id_2, t) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            at = 3 * i + 1
            record.append(UPSILON_4S, -61, 0, 0, at + 1, at + 2, 0, 0, 0.0, 0.0, 0.0, e, e)
            record.append(id_1, 61, at, 0, 0, 0, 0, 0, p[0], p[1], p[2], e / 2, B_MASS)
            record.append(id_2, 61, at, 0, 0, 0, 0, 0, -p[0], -p[1], -p[2], e / 2, B_MASS)
            record[at + 1].tau(t[0])
            record[at + 2].tau(t[1])

    def _directions(self, n: int) -> NDArray[np.float64]:
        """(n, 3) unit vectors; a spin-1 state of transverse polarisation gives sin^2 of the angle to the beams."""
        cosine = 2 * np.cos((np.pi + np.arccos(self.rng.uniform(-1, 1, n))) / 3)
        phi = self.rng.uniform(-np.pi, np.pi, n)
        side = np.cross(self.beam_axis, [0.0, 1.0, 0.0])
        side /= np.linalg.norm(side)
        up = np.cross(self.beam_axis, side)
        across = np.cos(phi)[:, None] * side + np.sin(phi)[:, None] * up
        directions: NDArray[np.float64] = (
            cosine[:, None] * self.beam_axis + np.sqrt(1 - cosine**2)[:, None] * across
        )
        return directions

    def _read(self, n_events: int) -> Decays:
        """Pythia's record, sorted by event and boosted."""
        import awkward as ak

        particles = self.pythia.nextBatch(1)["prt"][0, 1:]  # line 0 is the record's own
        pdg_id, mother = _column(particles["id"]), _column(particles["mother1"]) - 1
        event = _events(mother, n_events)
        partons = (np.abs(pdg_id) <= _LAST_QUARK) | (pdg_id == _GLUON)
        whole = np.ones(n_events, bool)
        whole[event[partons]] = False
        order = np.argsort(event, kind="stable")
        order = order[whole[event[order]]]
        event = (np.cumsum(whole) - 1)[event[order]]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=whole.sum()))])
        place = np.full(len(mother), -1)
        place[order] = np.arange(len(order))
        mother = np.where(mother[order] < 0, -1, place[mother[order]] - offsets[event])
        p4 = np.stack([_column(particles["p", name])[order] for name in ("e", "px", "py", "pz")], axis=1)
        vertex = [_column(ak.fill_none(particles["vProd", name], 0.0))[order] for name in ("e", "px", "py", "pz")]
        lab = boost(np.stack(vertex, axis=1), self.beam_velocity) * [_MM_OVER_C, _MM, _MM, _MM]
        lab[:, 1:] += self.rng.normal(0, _BEAM_SPOT, (len(offsets) - 1, 3))[event]
        final = _column(particles["status"])[order] > 0
        return Decays(offsets, pdg_id[order], mother, final, boost(p4, self.beam_velocity), lab)


def _column(array: Any) -> NDArray[Any]:
    import awkward as ak

    return np.asarray(ak.to_numpy(array))


def _events(mother: NDArray[np.int64], n_events: int) -> NDArray[np.int64]:
    """(M,) the event of each particle: that of its first ancestor, by pointer doubling."""
    ancestor = np.where(mother < 0, np.arange(len(mother)), mother)
    while not np.array_equal(further := ancestor[ancestor], ancestor):
        ancestor = further
    number = np.empty(len(mother), np.int64)
    number[np.flatnonzero(mother < 0)] = np.arange(n_events)
    return number[ancestor]


def boost(vectors: NDArray[np.float64], velocity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Four-vectors (M, 4), time first, seen when their frames move with ``velocity``, (3,) or (M, 3), below c."""
    velocity = np.broadcast_to(velocity, (len(vectors), 3))
    beta2 = np.einsum("ij,ij->i", velocity, velocity)
    gamma = 1 / np.sqrt(1 - beta2)
    along = np.einsum("ij,ij->i", vectors[:, 1:], velocity)
    factor = gamma**2 / (1 + gamma) * along + gamma * vectors[:, 0]
    return np.column_stack([gamma * (vectors[:, 0] + along), vectors[:, 1:] + factor[:, None] * velocity])
