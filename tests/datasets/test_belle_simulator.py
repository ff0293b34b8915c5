import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.belle_events import decays
from pd4ml.datasets.belle.card import CARD
from pd4ml.datasets.belle.decays import Decays
from pd4ml.datasets.belle.simulator import Config, record, simulate
from pd4ml.datasets.belle.tokens import pdg_ids, pdg_tokens
from pd4ml.errors import DataError

pytest.importorskip("pythia8mc")

Arrays = dict[str, NDArray[Any]]


def make(n_events: int = 20, seed: int = 1, config: Config = Config(), split: str = "train") -> Arrays:  # noqa: B008
    return simulate(n_events, np.random.SeedSequence(seed), config, split)


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(301, seed=7)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    assert set(batch) == {spec.name for spec in CARD.arrays}
    for spec in CARD.arrays:
        assert batch[spec.name].shape == spec.full_shape(301)
        assert batch[spec.name].dtype == np.dtype(spec.dtype)


def test_half_of_the_events_pass_and_the_order_is_random(batch: Arrays) -> None:
    assert batch["label"].sum() in (150, 151)
    assert abs(batch["label"][:150].mean() - 0.5) < 0.2
    assert {int(make(1, seed)["label"].sum()) for seed in range(6)} == {0, 1}


def test_what_was_measured_says_why_events_pass(batch: Arrays) -> None:
    config, passed = Config(), batch["label"] == 1
    assert (batch["n_tracks"][passed] >= config.min_tracks).all()
    assert (batch["visible_energy"][passed] > config.min_visible_energy).all()
    found = batch["n_candidates"] > 0
    assert found[passed].all()
    assert found[~passed].mean() < 0.05  # these fail by their R2, tracks or clusters
    for name, low, high in (
        *(("m_bc", config.m_bc_min, 5.2897), ("delta_e", -0.2, 0.2)),
        ("signal_probability", config.min_probability, 1.0),
    ):
        assert low <= batch[name][found].min() <= batch[name][found].max() <= high
        assert (batch[name][~found] == -1).all()


def test_the_same_arguments_give_the_same_bytes_whatever_came_before() -> None:
    first = make(seed=3)
    make(4, seed=4, config=Config(delta_e_max=0.3))
    sequence = np.random.SeedSequence(3)
    sequence.spawn(2)
    again = simulate(20, sequence, Config(), "test")
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes()
    assert first["particles"].tobytes() != make(seed=5)["particles"].tobytes()


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(min_tracks=5))))
    assert function is simulate
    assert config == Config(min_tracks=5)


def test_particles_come_first_and_padding_after(batch: Arrays) -> None:
    token, mother = batch["particles"][..., 8], batch["mother_index"]
    real = token > 0
    assert (np.diff(real.astype(int), axis=1) <= 0).all()
    assert (batch["particles"][~real] == 0).all()
    assert (mother[~real] == -1).all()
    assert (mother < np.arange(100)).all()
    assert ((mother == -1) == (~real | (np.arange(100) == 0))).all()
    assert (pdg_ids()[token[:, 0].astype(int) - 1] == 300553).all()
    assert (batch["particles"][:, 0, 0] == 0).all()  # times are from the first particle's


def test_laws_hold_in_the_stored_numbers(batch: Arrays) -> None:
    p, mother = batch["particles"].astype(np.float64), batch["mother_index"].astype(int)
    event, place = np.nonzero(mother >= 0)
    up = mother[event, place]
    total = np.zeros_like(p)
    np.add.at(total, (event, up), p[event, place])
    decayed = np.zeros(mother.shape, bool)
    decayed[event, up] = True
    columns = [1, 5, 6, 7]
    np.testing.assert_allclose(total[decayed][:, columns], p[decayed][:, columns], atol=5e-6)
    flight = p[event, place, 2:5] - p[event, up, 2:5]
    time = p[event, place, 0] - p[event, up, 0]
    velocity = p[event, up, 5:8] / p[event, up, 1:2]
    np.testing.assert_allclose(flight, 29.9792458 * time[:, None] * velocity, atol=1e-5)


def test_no_event_comes_twice(batch: Arrays) -> None:
    assert len(np.unique(batch["particles"][:, 1], axis=0)) == 301


def test_events_that_pass_have_more_hadronic_b(batch: Arrays) -> None:
    neutrino = pdg_tokens([12, -12, 14, -14, 16, -16])
    neutrinos = np.asarray(np.isin(batch["particles"][..., 8], neutrino).any(axis=1))
    passed = batch["label"] == 1
    assert neutrinos[passed].mean() < neutrinos[~passed].mean() - 0.1


def test_a_record_keeps_the_events_asked_for() -> None:
    d = decays()
    chosen = np.array([5, 0, 17])
    particles, mother = record(d, chosen)
    for row, event in enumerate(chosen):
        here = np.arange(d.offsets[event], d.offsets[event + 1])
        here = here[(np.abs(d.vertex[here, 1:]) < 10).all(axis=1)]
        n = len(here)
        np.testing.assert_allclose(particles[row, :n, 1], d.p4[here, 0], rtol=1e-6)
        np.testing.assert_array_equal(particles[row, :n, 8], pdg_tokens(d.pdg_id[here]))
        up = np.where(mother[row, :n] < 0, -1, here[mother[row, :n]] - d.offsets[event])
        np.testing.assert_array_equal(up, d.mother[here])
        assert not particles[row, n:].any()


def test_what_is_made_far_away_is_left_out_and_its_daughters_have_no_mother() -> None:
    mother, p4 = np.array([-1, 0, 0, 2, 1]), np.arange(20.0).reshape(5, 4)
    vertex = np.array([[1.0, 0, 0, 0], [1, 0, 0, 0], [1, 0, -10, 0], [2, 0, 9.9, 0], [2, 0, 0, 9.9]])
    one = Decays(np.array([0, 5]), np.full(5, 310, np.int32), mother, np.zeros(5, bool), p4, vertex)
    particles, index = record(one, np.array([0]))
    assert particles[0, :5, 1].tolist() == [0, 4, 12, 16, 0]
    assert index[0, :5].tolist() == [-1, 0, -1, 1, -1]


def test_of_a_long_event_the_first_hundred_are_kept() -> None:
    n = 130
    mother = np.arange(n) // 3 - (np.arange(n) == 0)
    p4, vertex = np.ones((n, 4)), np.tile([2.0, 0, 0, 0], (n, 1))
    long = Decays(np.array([0, n]), np.full(n, 211, np.int32), mother, np.zeros(n, bool), p4, vertex)
    particles, index = record(long, np.array([0]))
    assert (particles[0, :, 8] == pdg_tokens(211)).all()
    np.testing.assert_array_equal(index[0], mother[:100])
    assert not particles[0, :, 0].any()


def test_other_cuts_select_other_events() -> None:
    charged = []
    for config in (Config(), Config(min_tracks=9)):
        arrays = make(60, seed=2, config=config)
        token = arrays["particles"][arrays["label"] == 1][..., 8].astype(int)
        pions_and_kaons = np.isin(token, pdg_tokens([211, -211, 321, -321]))
        charged.append(np.count_nonzero(pions_and_kaons, axis=1).mean())
    assert charged[1] > charged[0] + 0.5


@pytest.mark.parametrize("variant", sorted(CARD.variants))
def test_every_variant_can_be_made(variant: str) -> None:
    config = Config(**CARD.variants[variant].config)
    assert (config == Config()) == (variant == "default")
    assert make(2, config=config)["label"].sum() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"electron_energy": 8.0}, r"make 11\.30\d\d GeV in the centre of mass"),
        ({"positron_energy": float("nan")}, "positron_energy must be a number from 0.5 to 50 GeV, not nan"),
        ({"crossing_angle": -1.0}, "crossing_angle must be"),
        ({"tracking_efficiency": 1.5}, "tracking_efficiency must be a number from 0 to 1, not 1.5"),
        ({"track_resolution": -1.0}, "track_resolution must be a number from 0 to 100"),
        ({"theta_min": 160.0}, "theta_max must not be below theta_min, found 150 and 160"),
        ({"min_tracks": -1}, "min_tracks must be a whole number from 0 to 30"),
        ({"max_r2": -0.1}, "max_r2 must be a number from 0 to 1.01"),
        ({"m_bc_min": 5.3}, "m_bc_min must be a number from 5 to 5.28 GeV"),
        ({"delta_e_max": 0.0}, "delta_e_max must be a number from 0.01"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Config(**settings)
    assert "\n" not in str(caught.value)


def test_a_selection_that_nothing_passes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pd4ml.datasets.belle.simulator._MAX_EVENTS_PER_PASS", 1000)
    with pytest.raises(DataError, match=r"only 0 of .* events pass the selection"):
        make(2, config=Config(tracking_efficiency=0.0))
