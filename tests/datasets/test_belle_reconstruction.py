from dataclasses import replace

import numpy as np
import pytest

from helpers.belle_events import decays, plain_candidates, seen, used_momentum
from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.datasets.belle.reconstruction import B_MODES, D_MODES, passes, reconstruct

pytest.importorskip("pythia8mc")


def test_every_combination_is_found_that_plain_loops_find() -> None:
    # Wide cuts, so that every mode is met within a few events.
    config = Config(d_window=0.04, d_star_window=0.03, m_bc_min=5.0, delta_e_max=1.0)
    objects, _ = seen()
    fast = reconstruct(objects, config)
    small = np.flatnonzero((np.diff(objects.tracks.offsets) <= 8) & (np.diff(objects.photons.offsets) <= 6))[:300]
    d_modes, b_modes = set(), set()
    for event in small:
        found = plain_candidates(objects, event, config)
        assert len(found) == fast.number[event], f"event {event}"
        d_modes |= {d for d, *_ in found}
        b_modes |= {b for _, b, *_ in found}
        if found:
            d, b = divmod(int(fast.mode[event]), len(B_MODES))
            best = (D_MODES[d], B_MODES[b], fast.m_bc[event], fast.delta_e[event])
            assert any(best[:2] == f[:2] and np.allclose(best[2:], f[2:], atol=2e-6) for f in found)
        else:
            assert fast.mode[event] == -1
    assert b_modes == set(B_MODES)
    assert len(d_modes) >= len(D_MODES) - 2


def test_true_candidates_peak_at_the_mass_of_the_b() -> None:
    config, (objects, _), generated = Config(delta_e_max=0.3, m_bc_min=5.2), seen(), decays()
    found = reconstruct(objects, config)
    true: list[tuple[float, float]] = []
    false: list[tuple[float, float]] = []
    for event in np.flatnonzero(found.number).tolist():
        mesons = generated.p4[generated.offsets[event] + 1 : generated.offsets[event] + 3]
        matched = np.abs(mesons - used_momentum(found, objects, generated, event)).max(axis=1).min() < 1e-6
        (true if matched else false).append((found.m_bc[event], found.delta_e[event]))
    m_bc, delta_e = np.array(true).T
    assert len(true) >= 5
    assert np.median(m_bc) == pytest.approx(B_MASS, abs=0.003)
    assert np.abs(m_bc - B_MASS).max() < 0.02
    assert abs(np.median(delta_e)) < 0.05
    assert np.std([m for m, _ in false]) > 3 * np.std(m_bc)


def test_the_cuts_cut() -> None:
    objects, found = seen()
    passed = passes(objects, found, Config())
    assert 0.005 < passed.mean() < 0.05
    assert not passed[found.number == 0].any()
    assert (found.m_bc[passed] > Config().m_bc_min).all()
    assert (np.abs(found.delta_e[passed]) < Config().delta_e_max).all()
    for harder in (Config(min_tracks=10), Config(min_photons=10), Config(min_visible_energy=9.0)):
        fewer = passes(objects, found, harder)
        assert fewer.sum() < passed.sum()
        assert not (fewer & ~passed).any()
    assert (np.diff(objects.tracks.offsets)[passes(objects, found, Config(min_tracks=10))] >= 10).all()


@pytest.mark.parametrize("name", ["d_window", "pi0_window", "d_star_window", "delta_e_max"])
def test_a_wider_window_keeps_all_candidates(name: str) -> None:
    objects, found = seen()
    wider = reconstruct(objects, replace(Config(), **{name: 1.5 * getattr(Config(), name)}))
    assert (wider.number >= found.number).all()
    assert wider.number.sum() > found.number.sum()
