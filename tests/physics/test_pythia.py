import sys
from typing import Any

import numpy as np
import pytest

from pd4ml.errors import DataError, MissingExtraError
from pd4ml.physics import detector
from pd4ml.physics.detector import ETA_MAX, TRACK, detector_response
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.physics.pythia import (
    EventRecord,
    Particles,
    final_state,
    make_pythia,
    next_batch,
    overlay,
    stable_particles,
)

pytest.importorskip("pythia8mc")

SETTINGS = (
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 550.",
    "PartonLevel:MPI = off",
    "Beams:eCM = 14000.",
    "ParticleDecays:limitTau0 = on",
)


@pytest.fixture(scope="module")
def record() -> EventRecord:
    return next_batch(make_pythia(SETTINGS, 5), 300)


def test_a_batch_has_the_events_asked_for_and_conserves_momentum(record: EventRecord) -> None:
    assert len(record.offsets) == 301
    for start, stop in zip(record.offsets[:-1], record.offsets[1:], strict=True):
        final = record.status[start:stop] > 0
        assert record.energy[start:stop][final].sum() == pytest.approx(14_000, rel=1e-6)
        assert record.px[start:stop][final].sum() == pytest.approx(0, abs=1e-3)
        assert record.pz[start:stop][final].sum() == pytest.approx(0, abs=1e-1)


def test_a_batch_equals_the_event_loop(record: EventRecord) -> None:
    pythia = make_pythia(SETTINGS, 5)
    for event in range(3):
        assert pythia.next()
        rows = slice(record.offsets[event], record.offsets[event + 1])
        entries = [pythia.event[i] for i in range(pythia.event.size())]
        assert [p.id() for p in entries] == record.pdg_id[rows].tolist()
        assert [p.e() for p in entries] == record.energy[rows].tolist()
        assert [p.daughter2() for p in entries] == record.daughter2[rows].tolist()
        assert [p.zProd() for p in entries] == record.z[rows].tolist()
    assert record.z.any()


def test_the_final_state_is_what_a_detector_can_see(record: EventRecord) -> None:
    particles = final_state(record, 2.0)
    visible = (record.status > 0) & ~np.isin(np.abs(record.pdg_id), (12, 14, 16))
    p4 = np.stack([record.energy, record.px, record.py, record.pz], axis=1)[visible]
    inside = np.abs(pt_eta_phi_mass(p4)[1]) < 2.0
    np.testing.assert_array_equal(particles.p4, p4[inside])
    np.testing.assert_array_equal(particles.pdg_id, record.pdg_id[visible][inside])
    np.testing.assert_array_equal(particles.vertex[:, 0], record.x[visible][inside] / 1000)
    assert particles.offsets[-1] == len(particles.pdg_id)


def test_the_charges_are_pythias(record: EventRecord) -> None:
    data = make_pythia(SETTINGS, 1).particleData
    for pdg_id in np.unique(record.pdg_id[record.status > 0]).tolist():
        assert detector.charge(pdg_id) == data.charge(pdg_id), pdg_id


def test_the_response_keeps_the_energy_and_the_acceptance(record: EventRecord) -> None:
    particles = final_state(record, ETA_MAX)
    flow = detector_response(particles, np.random.default_rng(1))
    eta = pt_eta_phi_mass(flow.p4)[1]
    assert np.abs(eta[flow.kind == TRACK]).max() <= 2.5
    # Away from the edges of the acceptance what comes out is what went in, within the known excess of energy
    # flow: a track measured too high keeps its energy, one measured too low is made up for by its tower.
    seen = flow.p4[np.abs(eta) < 2.0, 0].sum()
    true = particles.p4[np.abs(pt_eta_phi_mass(particles.p4)[1]) < 2.0, 0].sum()
    assert seen / true == pytest.approx(1.0, abs=0.05)


def test_stable_particles_are_those_of_the_batches(record: EventRecord) -> None:
    particles = stable_particles(make_pythia(SETTINGS, 5), 300, 2.0)  # more than one batch
    expected = final_state(record, 2.0)
    np.testing.assert_array_equal(particles.offsets, expected.offsets)
    np.testing.assert_array_equal(particles.p4, expected.p4)
    np.testing.assert_array_equal(particles.vertex, expected.vertex)
    assert stable_particles(None, 0, 2.0).offsets.tolist() == [0]


class Flaky:
    """A Pythia that gives up every second event, and all of a large batch."""

    def __init__(self) -> None:
        self.pythia = make_pythia(SETTINGS, 5)

    def nextBatch(self, n_events: int, errorMode: str) -> Any:  # noqa: N802 - Pythia's name
        assert errorMode == "skip"
        return self.pythia.nextBatch((n_events + 1) // 2 if n_events < 100 else 0)


def test_events_that_pythia_gives_up_are_made_up_for() -> None:
    assert len(next_batch(Flaky(), 8).offsets) - 1 == 4
    assert len(stable_particles(Flaky(), 8, 2.0).offsets) - 1 == 8
    with pytest.raises(DataError, match="gave up"):
        next_batch(Flaky(), 100)


def test_overlay_adds_whole_events_in_order() -> None:
    def numbered(counts: list[int], first: int) -> Particles:
        ids = np.arange(first, first + sum(counts), dtype=np.int32)
        return Particles(
            np.concatenate([[0], np.cumsum(counts)]),
            ids,
            np.repeat(ids[:, None], 4, axis=1).astype(np.float64),
            np.repeat(ids[:, None], 3, axis=1).astype(np.float64),
        )

    both = overlay(numbered([2, 0, 1], 0), numbered([1, 3, 2], 100), np.array([2, 0, 1]))
    assert both.offsets.tolist() == [0, 6, 6, 9]
    assert both.pdg_id.tolist() == [0, 1, 100, 101, 102, 103, 2, 104, 105]
    assert both.p4[:, 3].tolist() == both.vertex[:, 2].tolist() == both.pdg_id.tolist()


def test_a_setting_that_pythia_does_not_know_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="Tune:pp = 99"):
        make_pythia(["Tune:pp = 99"], 1)
    capfd.readouterr()


@pytest.mark.parametrize("seed", [0, 899_999_998, 2**63])
def test_any_seed_is_a_seed(seed: int) -> None:
    pythia = make_pythia(SETTINGS, seed)
    assert 1 <= pythia.mode("Random:seed") <= 900_000_000


def test_a_missing_pythia_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingExtraError, match=r"pythia8mc: pip install 'pd4ml-physics\[generate\]'"):
        make_pythia(SETTINGS, 1)
