import numpy as np
import pytest

from helpers.belle_events import is_true, plain_combinations, seen
from pd4ml.datasets.belle.channels import CHANNELS, FEATURES, LISTS, channels, tables
from pd4ml.datasets.belle.config import B_MASS, Config
from pd4ml.datasets.belle.reconstruction import candidates_of, reconstruct
from pd4ml.datasets.belle.selection import event_quantities, passes

pytest.importorskip("pythia8mc")


def test_the_channels_are_those_of_the_full_event_interpretation() -> None:
    assert {name: len(CHANNELS[name]) for name in ("D0", "D+", "D_s+", "B0")} == {
        "D0": 15,
        "D+": 11,
        "D_s+": 10,
        "B0": 26,
    }
    for channel in channels():
        # A list is filled from lists that are filled before it.
        assert max(channel.daughters) < channel.mother
        assert len(channel.daughters) <= 5
    charge = {"e+": 1, "mu+": 1, "pi+": 1, "K+": 1, "V0": 1, "D+": 1, "D_s+": 1, "D*+": 1, "D_s*+": 1}
    for channel in channels():
        total = sum(s * charge.get(LISTS[d], 0) for d, s in zip(channel.daughters, channel.signs, strict=True))
        assert total == charge.get(LISTS[channel.mother], 0), channel.text


def test_every_channel_has_weights() -> None:
    table = tables()
    assert table.weights.shape == (len(channels()), len(FEATURES))
    assert (table.weights[:, 0] != 0).all()
    log_product = FEATURES.index("log_product")
    assert (table.weights[:, log_product] > 0).mean() > 0.9  # likelier daughters make a likelier mother
    assert not table.weights[table.mother == LISTS.index("B0"), FEATURES.index("momentum")].any()  # no M_bc


@pytest.mark.parametrize("channel", ["pi0 -> gamma gamma", "K_S0 -> V0+ V0-", "D0 -> K- pi+", "D+ -> K- pi+ pi+"])
def test_every_combination_is_found_that_plain_loops_find(channel: str) -> None:
    objects, _ = seen()
    mother = LISTS.index(channel.split(" -> ")[0])
    found, _, used, _ = candidates_of(objects, Config(), tables(), mother, 2_000_000)
    place = [c.text for c in channels()].index(channel)
    n_met = 0
    for event in range(200):
        here = (found[:, 0] == event) & (found[:, 1] == place)
        fast = {(int(t), int(g)) for t, g in used[here]}
        plain = plain_combinations(objects, event, channel)
        if max(np.diff(objects.tracks.offsets)[event], len(plain)) <= 10:  # else the nearest are chosen
            assert fast == plain, f"event {event}"
            n_met += len(plain)
    assert n_met > 30


def test_true_candidates_peak_at_the_mass_of_the_b() -> None:
    objects, _ = seen()
    found = reconstruct(objects, Config(delta_e_max=0.3, m_bc_min=5.2))
    true, some = is_true(found), found.number > 0
    false = some & ~true
    assert true.sum() >= 8
    assert np.median(found.m_bc[true]) == pytest.approx(B_MASS, abs=0.003)
    assert np.abs(found.m_bc[true] - B_MASS).max() < 0.03
    assert abs(np.median(found.delta_e[true])) < 0.05
    assert np.std(found.m_bc[false]) > 2 * np.std(found.m_bc[true])
    assert np.median(found.probability[true]) > 10 * np.median(found.probability[false])


def test_a_signal_probability_is_about_that() -> None:
    _, found = seen()  # its weights were fitted to other events
    expected = found.probability[found.number > 0].sum()
    assert expected / 2 < is_true(found).sum() < 2 * expected


def test_the_cuts_cut() -> None:
    objects, found = seen()
    event = event_quantities(objects, Config())
    passed = passes(event, found, Config())
    assert 0.04 < passed.mean() < 0.12
    assert not passed[found.number == 0].any()
    assert (found.m_bc[passed] > Config().m_bc_min).all()
    assert (found.probability[passed] > Config().min_probability).all()
    assert (np.abs(found.delta_e[passed]) < Config().delta_e_max).all()
    for harder in (
        *(Config(min_tracks=9), Config(min_good_tracks=8), Config(min_clusters=7)),
        *(Config(min_visible_energy=9.0), Config(max_r2=0.1)),
    ):
        fewer = passes(event, found, harder)
        assert fewer.sum() < passed.sum()
        assert not (fewer & ~passed).any()
    assert (event.tracks[passes(event, found, Config(min_tracks=10))] >= 10).all()


def test_an_events_shape_is_that_of_the_definition() -> None:
    objects, _ = seen()
    event = event_quantities(objects, Config())
    assert ((event.r2 > 0) & (event.r2 <= 1)).all()
    assert np.mean(event.r2 < 0.4) > 0.9  # B pairs are round
    assert 10.6 > np.median(event.visible_energy) > 5  # of the 10.58 GeV
    assert (event.good_tracks <= event.tracks).all()
    assert (event.clusters <= event.photons).all()


@pytest.mark.parametrize("harder", [Config(min_probability=0.01), Config(delta_e_max=0.1), Config(m_bc_min=5.27)])
def test_a_harder_cut_keeps_fewer_candidates(harder: Config) -> None:
    objects, found = seen()
    fewer = reconstruct(objects, harder)
    assert (fewer.number <= found.number).all()
    assert fewer.number.sum() < found.number.sum()
