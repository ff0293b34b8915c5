import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.top_tagging.card import CARD
from pd4ml.datasets.top_tagging.matching import match_tops
from pd4ml.datasets.top_tagging.simulator import Config, pythia_settings, simulate
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.physics.pythia import EventRecord, make_pythia, stable_particles

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

Arrays = dict[str, NDArray[Any]]


def make(n_events: int = 20, seed: int = 1, config: Config = Config(), split: str = "train") -> Arrays:  # noqa: B008
    return simulate(n_events, np.random.SeedSequence(seed), config, split)


def jets(arrays: Arrays) -> tuple[NDArray[np.float64], ...]:
    """pt, eta, phi, mass of the jets, and how many constituents they have."""
    p4 = arrays["constituents"].astype(np.float64)
    return *pt_eta_phi_mass(p4.sum(axis=1)), np.count_nonzero(p4[..., 0], axis=1)


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(401, seed=7)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    assert set(batch) == {spec.name for spec in CARD.arrays}
    for spec in CARD.arrays:
        assert batch[spec.name].shape == spec.full_shape(401)
        assert batch[spec.name].dtype == np.dtype(spec.dtype)
        assert np.isfinite(batch[spec.name]).all()


def test_half_of_the_jets_are_tops_and_the_order_is_random(batch: Arrays) -> None:
    label = batch["label"]
    assert label.sum() in (200, 201)
    assert abs(label[:200].mean() - 0.5) < 0.15
    assert {int(make(1, seed)["label"].sum()) for seed in range(4)} == {0, 1}  # an odd one out may be either


def test_the_split_is_marked() -> None:
    assert (make(4)["ttv"] == 0).all()
    assert (make(4, split="test")["ttv"] == 1).all()


def test_the_same_arguments_give_the_same_bytes_whatever_came_before() -> None:
    first = make(20, seed=3)
    make(4, seed=4, config=Config(mpi=True))
    sequence = np.random.SeedSequence(3)
    sequence.spawn(2)  # what was spawned from a seed before is history, too
    again = simulate(20, sequence, Config(), "train")
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes()
    assert first["constituents"].tobytes() != make(20, seed=5)["constituents"].tobytes()


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(pileup=3.0))))
    assert function is simulate
    assert config == Config(pileup=3.0)


def test_the_jets_are_in_the_window(batch: Arrays) -> None:
    pt, eta, _, _, n = jets(batch)
    whole = n < 200  # beyond the 200th constituent a jet's sum is cut
    assert whole.mean() > 0.99
    assert pt[whole].min() > 549.99
    assert pt.max() < 650.01
    assert np.abs(eta).max() < 2.0 + 1e-3


def test_constituents_are_sorted_massless_and_padded_at_the_end(batch: Arrays) -> None:
    p4 = batch["constituents"].astype(np.float64)
    pt = np.hypot(p4[..., 1], p4[..., 2])
    assert (np.diff(pt, axis=1) <= 1e-4 * pt[:, :-1]).all()
    np.testing.assert_allclose(p4[..., 0], np.linalg.norm(p4[..., 1:], axis=-1), rtol=1e-5, atol=1e-6)
    real = p4[..., 0] > 0
    assert (np.diff(real.astype(int), axis=1) <= 0).all()
    assert real.any(axis=1).all()


def test_the_particle_level_jet_is_near_the_detectors(batch: Arrays) -> None:
    pt, _, _, mass, n = jets(batch)
    matched = batch["particle_pt"] != -1
    assert matched.mean() > 0.99
    for name in ("pt", "mass", "multiplicity", "width", "tau21", "groomed_mass"):
        values = batch[f"particle_{name}"]
        assert (values[matched] >= 0).all()
        assert (values[~matched] == -1).all()
    response = pt[matched] / batch["particle_pt"][matched]
    assert np.median(response) == pytest.approx(1, abs=0.03)
    assert np.std(response[np.abs(response - 1) < 0.3]) < 0.1
    assert np.corrcoef(mass[matched], batch["particle_mass"][matched])[0, 1] > 0.8
    assert np.corrcoef(n[matched], batch["particle_multiplicity"][matched])[0, 1] > 0.8
    assert (batch["n_pileup"] == 0).all()


def test_grooming_and_prongs_tell_tops_at_particle_level(batch: Arrays) -> None:
    top, groomed = batch["label"] == 1, batch["particle_groomed_mass"]
    assert (groomed <= batch["particle_mass"] + 1e-3).all()
    assert np.median(batch["particle_mass"][top]) == pytest.approx(173, abs=8)
    # The groomed mass is the top's or, where the b lies apart, the W's; of QCD jets it is small.
    assert np.mean((groomed[top] > 60) & (groomed[top] < 190)) > 0.8
    assert np.median(groomed[~top]) < 40
    assert batch["particle_tau21"].min() > 0  # axes that are not minimised may give a little more than 1
    assert 0.3 < np.median(batch["particle_tau21"]) < 0.8
    assert batch["particle_width"][top].mean() > batch["particle_width"][~top].mean()


def test_an_event_keeps_its_number_in_a_variant_of_the_response() -> None:
    nominal, scaled = make(60), make(60, config=Config(energy_scale=1.01))
    columns = ("event_id", "particle_pt", "particle_mass", "particle_tau21", "label")
    first, other = (set(zip(*(a[name].tolist() for name in columns), strict=True)) for a in (nominal, scaled))
    shared = {jet[0] for jet in first} & {jet[0] for jet in other}
    assert len(shared) > 30
    # Of a shared event it may be the other jet that passes; but for that, what it is does not change.
    assert len(first & other) > 0.6 * len(shared)
    assert len({jet[0] for jet in first}) > 40


def test_a_drawn_scale_acts_jet_by_jet() -> None:
    """With a scale for each event the constituents' energies are those of the nominal events times it."""
    wide = Config(pt_min=300.0, pt_max=2500.0)
    rng = np.random.default_rng(4)
    nominal = make(30, config=wide)
    scales = {"energy_scale": lambda n: np.asarray(rng.uniform(0.98, 1.02, n), np.float64)}
    drawn = simulate(30, np.random.SeedSequence(1), wide, "train", scales)
    rows = {round(float(p[3] / p[0]), 5): float(p[0]) for p in nominal["constituents"][:, 0]}
    checked = 0
    for p, scale in zip(drawn["constituents"][:, 0], drawn["energy_scale"], strict=True):
        before = rows.get(round(float(p[3] / p[0]), 5))
        if before is not None:
            assert float(p[0]) / before == pytest.approx(scale, rel=1e-5)
            checked += 1
    assert checked > 15


def test_no_jet_comes_twice(batch: Arrays) -> None:
    assert len(np.unique(batch["constituents"][:, 0], axis=0)) == 401


def test_tops_look_like_tops(batch: Arrays) -> None:
    _, _, _, mass, n = jets(batch)
    top = batch["label"] == 1
    assert np.median(mass[top]) == pytest.approx(173, abs=5)
    assert np.mean((mass[top] > 140) & (mass[top] < 210)) > 0.75
    assert np.mean((mass[~top] > 140) & (mass[~top] < 210)) < 0.25
    assert n[top].mean() > n[~top].mean() + 5


def test_the_energy_scale_scales_the_constituents() -> None:
    # In a window as wide as this nearly all jets pass with both scales, so that the same jets come out.
    wide = Config(pt_min=300.0, pt_max=2500.0)
    leading = [
        make(30, config=config)["constituents"][:, 0] for config in (wide, replace(wide, energy_scale=1.01))
    ]
    nominal, scaled = ({round(float(p[3] / p[0]), 5): float(p[0]) for p in jet} for jet in leading)
    same = nominal.keys() & scaled.keys()
    assert len(same) > 15
    assert [scaled[key] / nominal[key] for key in same] == pytest.approx([1.01] * len(same))


def test_pileup_adds_constituents(batch: Arrays) -> None:
    with_pileup = make(10, config=Config(pileup=20.0))
    n, nominal = jets(with_pileup)[-1], jets(batch)[-1]
    assert with_pileup["n_pileup"].mean() == pytest.approx(20, abs=6)
    without = np.median(batch["particle_multiplicity"])  # at particle level there is no pile-up
    assert np.median(with_pileup["particle_multiplicity"]) == pytest.approx(without, rel=0.4)
    error = np.hypot(n.std() / np.sqrt(n.size), nominal.std() / np.sqrt(nominal.size))
    assert n.mean() > nominal.mean() + 3 * error


@pytest.mark.parametrize("process", ["qcd", "top"])
def test_multiple_interactions_add_particles(process: str) -> None:
    without, with_mpi = (
        stable_particles(make_pythia(pythia_settings(process, Config(mpi=mpi)), 1), 30, 2.0).offsets[-1]
        for mpi in (False, True)
    )
    assert with_mpi > 1.3 * without


@pytest.mark.parametrize("config", [Config(tune=21), Config(pt_min=400.0, pt_max=600.0, pt_spectrum="natural")])
def test_other_configurations_keep_the_contract(config: Config) -> None:
    arrays = make(20, config=config)
    pt = jets(arrays)[0]
    assert arrays["constituents"].shape == (20, 200, 4)
    assert pt.min() > config.pt_min - 0.01
    assert pt.max() < config.pt_max + 0.01


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pileup": -1.0}, "pileup must be a number from 0 to 1000, not -1.0"),
        ({"pileup": float("nan")}, "pileup must be"),
        ({"pileup": "many"}, "pileup must be .* not 'many'"),
        ({"mpi": "yes"}, "mpi must be true or false, not 'yes'"),
        ({"tune": 99}, "tune must be one of 1, 2, .* not 99"),
        ({"tune": 17}, "tune must be one of .* not 17"),
        ({"tune": 14.5}, "tune must be"),
        ({"pt_min": 700.0}, "pt_max must be above pt_min, 700.0 GeV, not 650.0"),
        ({"pt_max": 9000.0}, "pt_max must be a number from 200 to 4000 GeV, not 9000.0"),
        ({"energy_scale": 0.0}, "energy_scale must be a number from 0.5 to 2"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Config(**settings)
    assert "\n" not in str(caught.value)


def test_an_unknown_spectrum_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'natural'"):
        Config(pt_spectrum="naturl")  # type: ignore[arg-type]


def test_a_window_without_tops_is_given_up() -> None:
    with pytest.raises(DataError, match="only 0 top jets of 200 to 201 GeV"):
        make(2, config=Config(pt_min=200.0, pt_max=201.0))


def hand_made_top(quark_eta: float, hadronic: bool = True) -> EventRecord:
    """t -> t (radiates) -> b W, W -> W -> q q; the last copies point to eta 0.1, the b to ``quark_eta``."""
    w_child = 2 if hadronic else 11
    #                    system top      gluon  top      b      W         W          q          q
    pdg_id = np.array([90, 6, 21, 6, 5, 24, 24, w_child, -1], dtype=np.int32)
    first = np.array([0, 2, 0, 4, 0, 6, 7, 0, 0], dtype=np.int32)
    last = np.array([0, 3, 0, 5, 0, 6, 8, 0, 0], dtype=np.int32)
    eta = np.array([0, 3.0, 0, 0.1, quark_eta, 0.1, 0.1, 0.3, -0.2])
    one, pt = np.ones(9), 100 * np.ones(9)
    return EventRecord(
        np.array([0, 9]),
        pdg_id,
        one.astype(np.int32),
        first,
        last,
        pt * np.cosh(eta),
        pt,
        0 * one,
        pt * np.sinh(eta),
        *np.zeros((3, 9)),
    )


@pytest.mark.parametrize(
    ("record", "eta", "phi", "matched"),
    [
        (hand_made_top(0.5), 0.0, 0.0, True),
        (hand_made_top(0.9), 0.0, 0.0, False),  # the b is too far away
        (hand_made_top(0.5), 1.0, 0.0, False),  # the top is too far away
        (hand_made_top(0.5), 0.0, 0.75, False),  # near the top (0.76), not near a quark (0.81)
        (hand_made_top(0.5), 3.0, 0.0, False),  # the first copy of the top does not count
        (hand_made_top(0.5, hadronic=False), 0.0, 0.0, False),
    ],
)
def test_tops_are_matched_as_published(record: EventRecord, eta: float, phi: float, matched: bool) -> None:
    found = match_tops(record, np.array([0]), np.array([eta]), np.array([phi]))
    assert found.tolist() == [matched]
