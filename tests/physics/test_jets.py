import sys

import numpy as np
import pytest

from pd4ml.errors import MissingExtraError
from pd4ml.physics.jets import antikt_jets, trimmed
from pd4ml.physics.kinematics import pt_eta_phi_mass

fastjet = pytest.importorskip("fastjet")


def random_events(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Massless objects around a few axes, with an empty event in the middle."""
    rng = np.random.default_rng(seed)
    counts = np.array([80, 0, 1, 200, 45])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    n = int(offsets[-1])
    axis = rng.integers(0, 4, n)
    eta = np.array([-1.5, 0, 0.4, 2])[axis] + rng.normal(0, 0.5, n)
    phi = np.array([3.0, -1, 0.2, -3])[axis] + rng.normal(0, 0.5, n)
    pt = rng.exponential(10, n)
    return np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1), offsets


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("pt_min", [0.0, 25.0])
def test_a_batch_gives_the_jets_of_the_classic_interface(seed: int, pt_min: float) -> None:
    p4, offsets = random_events(seed)
    jets = antikt_jets(p4, offsets, 0.8, pt_min)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8)
    for event in range(len(offsets) - 1):
        rows = range(offsets[event], offsets[event + 1])
        inputs = []
        for row in rows:
            energy, *momentum = (float(x) for x in p4[row])
            inputs.append(fastjet.PseudoJet(*momentum, energy))
            inputs[-1].set_user_index(row)
        sequence = fastjet._swig.ClusterSequence(inputs, definition) if inputs else None
        expected = [] if sequence is None else sequence.inclusive_jets(pt_min)
        mine = np.flatnonzero(jets.event == event)
        members = {frozenset(jets.constituents[jets.offsets[j] : jets.offsets[j + 1]].tolist()): j for j in mine}
        assert set(members) == {frozenset(c.user_index() for c in jet.constituents()) for jet in expected}
        for jet in expected:
            j = members[frozenset(c.user_index() for c in jet.constituents())]
            np.testing.assert_allclose(jets.p4[j], [jet.e(), jet.px(), jet.py(), jet.pz()], rtol=1e-9, atol=1e-9)


def test_every_object_belongs_to_one_jet_and_the_cut_holds() -> None:
    p4, offsets = random_events(4)
    everything = antikt_jets(p4, offsets, 0.8, 0.0)
    assert sorted(everything.constituents.tolist()) == list(range(len(p4)))
    np.testing.assert_allclose(everything.p4.sum(axis=0), p4.sum(axis=0))
    assert pt_eta_phi_mass(antikt_jets(p4, offsets, 0.8, 40.0).p4)[0].min() >= 40


def test_no_jets_are_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    p4, offsets = random_events(5)
    jets = antikt_jets(p4, offsets, 0.8, 1e6)
    assert jets.p4.shape == (0, 4)
    assert jets.offsets.tolist() == [0]
    assert capfd.readouterr().out == ""  # FastJet's banner is off


def test_a_missing_fastjet_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(MissingExtraError, match=r"fastjet: pip install 'pd4ml-physics\[generate\]'"):
        antikt_jets(*random_events(1), 0.8, 0.0)


@pytest.mark.parametrize("seed", [6, 7])
def test_trimming_is_that_of_the_classic_interface(seed: int) -> None:
    p4, offsets = random_events(seed)
    jets = antikt_jets(p4, offsets, 1.0, 30.0)
    some = jets.take(np.arange(len(jets.event))[::-1])
    found = trimmed(p4, some, 0.3, 0.05)
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 0.3)
    dropped = 0
    for jet in range(len(some.event)):
        rows = some.constituents[some.offsets[jet] : some.offsets[jet + 1]]
        inputs = [fastjet.PseudoJet(*map(float, p4[row, 1:]), float(p4[row, 0])) for row in rows]
        sequence = fastjet._swig.ClusterSequence(inputs, definition)
        least = 0.05 * np.hypot(*some.p4[jet, 1:3])
        expected = sorted((s.perp() for s in sequence.inclusive_jets(least)), reverse=True)
        mine = np.flatnonzero(found.event == jet)
        np.testing.assert_allclose(np.hypot(*found.p4[mine, 1:3].T), expected, rtol=1e-9)
        for k in mine:
            members = found.constituents[found.offsets[k] : found.offsets[k + 1]]
            assert set(members) <= set(rows)
            np.testing.assert_allclose(p4[members].sum(axis=0), found.p4[k])
        dropped += len(sequence.inclusive_jets(0.0)) - len(expected)
    assert dropped > 0
    assert trimmed(p4, some.take(np.arange(0)), 0.3, 0.05).p4.shape == (0, 4)
