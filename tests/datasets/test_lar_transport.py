"""Particles in liquid argon against tables, textbooks and laws: losses, ranges, showers, recoils."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.lar_tpc.argon import RADIATION_LENGTH, bethe, electron_dedx, tables
from pd4ml.datasets.lar_tpc.queue import LOW_ENERGY, MICHEL, SHOWER, TRACK
from pd4ml.datasets.lar_tpc.transport import Deposits, transport
from pd4ml.physics.geant4 import Primaries

MUON, PROTON = 105.6583755, 938.27209


def shoot(pdg_id: int, kinetic: float, n: int, seed: int = 1) -> list[Deposits]:
    """Particles from the origin along z."""
    rng = np.random.default_rng(seed)
    primaries = Primaries.single(np.full(n, pdg_id), kinetic, (0.0, 0.0, 0.0))
    return [transport(primaries, i, rng) for i in range(n)]


def ends(events: list[Deposits]) -> NDArray[np.float64]:
    """How far along z the tracks come."""
    return np.array([d.position[d.label == TRACK][:, 2].max(initial=0) for d in events])


def range_of(mass: float, kinetic: float) -> float:
    """The integral of 1 / (dE/dx) from 1 MeV."""
    energy = np.geomspace(1.0, kinetic, 2000)
    return float(np.trapezoid([1 / bethe(e, mass, 1e9) for e in energy], energy))


def test_least_loss_is_that_of_the_table() -> None:
    """1.508 MeV cm2/g (PDG's table of argon)."""
    losses = [bethe(kinetic, MUON, 1e9) for kinetic in np.geomspace(50, 2000, 200)]
    assert min(losses) == pytest.approx(1.508 * 1.396, rel=0.002)
    # An electron as fast as a muon that is minimum-ionising loses about as much; it can give half of its energy.
    assert electron_dedx(1.3, 1e9) == pytest.approx(min(losses), rel=0.1)


def test_a_minimum_ionising_particle_leaves_landau_s_distribution() -> None:
    """In 3 mm most often 1.7 to 1.8 MeV/cm, on average what Bethe says below the energy of separate electrons."""
    dedx = np.concatenate([d.dedx[(d.label == TRACK) & (d.position[:, 2] < 30)] for d in shoot(13, 350.0, 60)])
    counts, edges = np.histogram(dedx, np.arange(1.0, 5.0, 0.1))
    assert 1.6 <= edges[counts.argmax()] + 0.05 <= 1.9
    assert dedx.mean() == pytest.approx(bethe(320, MUON, 2.0), rel=5 * dedx.std() / dedx.mean() / len(dedx) ** 0.5)
    assert np.quantile(dedx, 0.99) > 1.5 * np.median(dedx)  # the tail


@pytest.mark.parametrize(
    ("pdg_id", "mass", "kinetic", "known"), [(2212, PROTON, 200.0, 26.0), (13, MUON, 200.0, None)]
)
def test_ranges(pdg_id: int, mass: float, kinetic: float, known: float | None) -> None:
    """Of protons of 200 MeV 26 cm (range tables); in general the integral of 1 / (dE/dx)."""
    expected = range_of(mass, kinetic)
    assert known is None or expected == pytest.approx(known, rel=0.02)
    assert np.quantile(ends(shoot(pdg_id, kinetic, 80)), 0.8) == pytest.approx(expected, rel=0.04)


def test_a_stopping_proton_has_a_bragg_peak() -> None:
    """In the last centimetre it loses three times as much as on its first ten."""
    first, last = [], []
    for d in shoot(2212, 150.0, 60):
        z, energy = d.position[:, 2], d.energy
        if 14 < z.max() < 18 and np.hypot(*d.position[:, :2].T).max() < 3:  # no reaction on the way
            first.append(energy[z < 5].sum() / 5)
            last.append(energy[z > z.max() - 1].sum())
    assert len(last) > 20
    assert np.mean(last) > 3 * np.mean(first)


def test_an_electron_s_shower_is_as_long_and_wide_as_it_must_be() -> None:
    """Mean depth about 5 radiation lengths at 1 GeV, 90 % of the energy in 1 to 2 Moliere radii (9.6 cm)."""
    events = shoot(11, 1000.0, 150)
    totals = np.array([d.energy.sum() for d in events])
    np.testing.assert_allclose(totals, 1000, rtol=0.05)
    depth = [float(d.energy @ d.position[:, 2] / d.energy.sum()) for d in events]
    assert np.mean(depth) / RADIATION_LENGTH == pytest.approx(4.8, abs=0.5)
    radius = np.concatenate([np.hypot(*d.position[:, :2].T) for d in events])
    energy = np.concatenate([d.energy for d in events])
    order = np.argsort(radius)
    r90 = np.interp(0.9, energy[order].cumsum() / energy.sum(), radius[order])
    assert 9.6 < r90 < 19.2


def test_a_photon_begins_with_two_electrons_and_after_a_gap() -> None:
    """The first 3 cm of an electron's shower are one minimum-ionising particle, of a photon's two."""
    electron, photon, gap = list[float](), list[float](), list[float]()
    for pdg_id, found in ((11, electron), (22, photon)):
        for d in shoot(pdg_id, 500.0, 150):
            bright = d.label == SHOWER
            z = d.position[bright][:, 2]
            start = z.min()
            gap += [start] if pdg_id == 22 else []
            found.append(d.energy[bright][z < start + 3].sum() / 3)
    assert 1.7 < np.median(electron) < 2.4
    assert 1.7 * np.median(electron) < np.median(photon) < 2.3 * np.median(electron)
    # 9/7 of a radiation length, longer since photons of 500 MeV are not yet as likely to make pairs.
    assert np.mean(gap) / RADIATION_LENGTH == pytest.approx(9 / 7 * 1.12, abs=5 * 1.4 / len(gap) ** 0.5)


def test_pairs_reach_their_limit() -> None:
    """7/9 of a pair for each radiation length at high energy."""
    assert tables()[0][2, -1] * RADIATION_LENGTH == pytest.approx(7 / 9, rel=0.03)


def test_muons_that_stop_make_michel_s_electrons() -> None:
    """All mu+, a quarter of mu-; their mean energy is 7/10 of 52.8 MeV."""
    found = {}
    for pdg_id, labels in ((-13, (MICHEL, LOW_ENERGY)), (13, (MICHEL,))):  # captured ones leave low energy, too
        found[pdg_id] = [d.energy[np.isin(d.label, labels)].sum() for d in shoot(pdg_id, 100.0, 300)]
    assert np.mean(np.array(found[-13]) > 1) > 0.98
    assert np.mean(np.array(found[13]) > 1) == pytest.approx(0.25, abs=5 * (0.19 / 300) ** 0.5)
    energy = np.array(found[-13])
    assert energy.mean() == pytest.approx(0.7 * 52.8, abs=1.5 + 5 * energy.std() / 300**0.5)


def test_energy_is_neither_lost_nor_found() -> None:
    """A muon that stops leaves its energy; its electron adds up to 52.8 MeV, and a positron's annihilation."""
    totals = np.array([d.energy.sum() for d in shoot(-13, 200.0, 40)])
    assert totals.min() > 200 - 1e-6
    assert totals.max() < 200 + 52.8 + 1.1


def test_slow_neutrons_leave_photons_far_away() -> None:
    """No more than they have and a capture sets free; as far as in Geant4 (stand-in tables), half beyond 44 cm."""
    events = shoot(2112, 5.0, 300)
    totals = np.array([d.energy.sum() for d in events])
    assert totals.max() < 5 + 6.1 + 1e-6
    assert 2.5 < totals.mean() < 5.5
    assert {int(label) for d in events for label in d.label} == {LOW_ENERGY}
    first = [np.linalg.norm(d.position[0]) for d in events if len(d.position)]
    assert 30 < np.median(first) < 60


def test_chance_comes_from_the_generator() -> None:
    one, two = (shoot(2212, 300.0, 2, seed=3)[1] for _ in range(2))
    np.testing.assert_array_equal(one.position, two.position)
