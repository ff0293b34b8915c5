"""The simulated stations: against a plain loop, and against the laws they must follow."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from helpers.plain_airshower import plain_detect, plain_expectation
from pd4ml.datasets.airshower import Airshower
from pd4ml.datasets.airshower.card import CARD
from pd4ml.datasets.airshower.showers import GROUND, Showers, station_positions
from pd4ml.datasets.airshower.signal import add_particles, detect, expectation
from pd4ml.datasets.airshower.simulator import Config, simulate
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.storage.writer import check_arrays

Arrays = dict[str, NDArray[Any]]
NOISE, THRESHOLD = 1.2, 80 * 1.2 * 1.2


def make(n_events: int = 40, seed: int = 1, **config: Any) -> Arrays:
    return simulate(n_events, np.random.SeedSequence(seed), Config(**config), "train")


def one_shower(
    n: int, lg_energy: float = 19.0, zenith: float = 0.6, core: tuple[float, float] = (700, 200)
) -> Showers:
    """The same shower, n times."""
    axis = [np.sin(zenith) * np.cos(1), np.sin(zenith) * np.sin(1), np.cos(zenith)]
    position = np.tile([*core, GROUND], (n, 1))
    return Showers(np.full(n, lg_energy), np.full(n, 4.0), np.full(n, 760.0), np.tile(axis, (n, 1)), position)


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(1500, seed=7)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    check_arrays(CARD, batch, 1500)


def test_the_truth_is_that_of_the_shower(batch: Arrays) -> None:
    """Direction and core, read off what the stations saw: a plane front, and the signal's centre."""
    x, y = station_positions(1500.0)[:, :2].T
    found, true, miss = [], [], []
    for time, traces, zenith, azimuth, core in zip(
        *(batch[name] for name in ("arrival_time", "traces", "zenith", "azimuth", "core")), strict=True
    ):
        hit = np.flatnonzero(time.ravel() != -1)
        if len(hit) < 8:
            continue
        plane = np.stack([x[hit], y[hit], np.ones(len(hit))], axis=1)
        slope = np.linalg.lstsq(plane, time.ravel()[hit].astype(np.float64), rcond=None)[0][:2]
        found.append(-3e8 * slope)
        true.append(np.sin(zenith) * np.array([np.cos(azimuth), np.sin(azimuth)]))
        signal = traces.reshape(81, 80)[hit].sum(axis=1)
        miss.append([signal @ x[hit] / signal.sum() - core[0], signal @ y[hit] / signal.sum() - core[1]])
    assert len(found) > 500
    assert (np.array(found) - np.array(true)).std() < 0.03
    assert np.abs(np.array(miss)).mean() < 300  # m; stations are 1,500 m apart
    assert set(np.unique(batch["primary"])) == {1, 4, 16, 56}
    assert 18.5 <= batch["lg_energy"].min() <= batch["lg_energy"].max() <= 20
    assert batch["zenith"].max() <= np.deg2rad(60) + 1e-6
    means = [float(batch["xmax"][batch["primary"] == a].mean()) for a in (1, 4, 16, 56)]
    assert means == sorted(means, reverse=True)


def test_the_response_can_differ_from_event_to_event() -> None:
    """Given for each event, the settings act as they do for all events at once."""
    n, seed = 40, np.random.SeedSequence(1)
    values = {
        "signal_scale": np.tile([1.0, 1.5], n // 2),
        "noise": np.tile([1.2, 2.0, 2.0, 1.2], n // 4),
        "trigger": np.full(n, 1.3),
    }
    mixed = simulate(n, seed, Config(), "train", {name: partial(np.resize, v) for name, v in values.items()})
    for name, used in values.items():
        np.testing.assert_array_equal(mixed[name], used)
    np.testing.assert_array_equal(mixed["core"], make(n)["core"])
    sums = mixed["traces"].sum(axis=-1, dtype=np.float64)
    seen = mixed["arrival_time"][..., 0] != -1
    lowest = np.where(seen, sums, np.inf).min(axis=(1, 2))
    assert (lowest >= 1.3 * 80 * values["noise"] - 1e-3).all()
    same = make(n, signal_scale=1.5, noise=2.0, trigger=1.3)
    both = (values["signal_scale"] == 1.5) & (values["noise"] == 2.0)
    expected = same["traces"][both][same["arrival_time"][both, ..., 0] != -1].sum()
    assert sums[both][seen[both]].sum() == pytest.approx(expected, rel=0.05)


def test_silent_stations_are_silent_in_both_arrays(batch: Arrays) -> None:
    silent = batch["arrival_time"][..., 0] == -1
    assert 0.8 < silent.mean() < 0.95
    assert (batch["traces"][silent] == -1).all()
    assert (batch["traces"][~silent] >= 0).all()
    sums = batch["traces"][~silent].sum(axis=-1, dtype=np.float64)
    assert THRESHOLD - 1e-3 <= sums.min() < THRESHOLD + 2
    assert np.abs(batch["arrival_time"][~silent]).max() < 1e-4


@settings(deadline=None)  # the kernel is compiled at the first call
@given(st.floats(0.1, 1e5), st.floats(1, 56), st.floats(0, 12_000), st.floats(10, 4900))
def test_expected_signals_are_those_of_the_formulae(s0: float, mass: float, r: float, depth: float) -> None:
    np.testing.assert_allclose(expectation(s0, mass, r, depth), plain_expectation(s0, mass, r, depth), rtol=1e-9)


@settings(deadline=None)
@given(st.floats(150, 12_000), st.floats(1.01, 2), st.floats(10, 2000))
def test_expected_signals_fall_with_distance_and_depth(r: float, factor: float, depth: float) -> None:
    here, farther = expectation(1.0, 16.0, r, depth), expectation(1.0, 16.0, factor * r, depth)
    deeper = expectation(1.0, 16.0, r, factor * depth)
    assert all(there[i] < here[i] for there in (farther, deeper) for i in (0, 1))


@pytest.mark.parametrize("n", [399, 400, 30_000, 10_000_000])
@pytest.mark.parametrize(("median", "shift"), [(50.0, 0.0), (240.0, 37.0), (4000.0, 900.0)])
def test_particles_arrive_with_log_normal_times(n: int, median: float, shift: float) -> None:
    rng, trace = np.random.default_rng(3), np.zeros(80, np.int64)
    repeats = max(1, 20_000 // n)
    for _ in range(repeats):
        add_particles(rng, float(n), median, shift, trace)
    edges = np.maximum(np.arange(0, 2001, 25) - shift, 0)
    share = np.diff(stats.lognorm.cdf(edges, 0.7, scale=median))
    expected = n * repeats * share
    spread = np.sqrt(n * repeats * (share + share**2) + 1)  # multinomial, and the number itself fluctuates
    assert np.abs((trace - expected) / spread).max() < 4.5
    seen = expected > 5
    chi2 = np.sum((trace - expected)[seen] ** 2 / expected[seen])
    assert chi2 < stats.chi2.ppf(0.999, seen.sum()) + 10


def test_the_number_of_particles_fluctuates_like_its_root() -> None:
    rng = np.random.default_rng(4)
    totals = []
    for _ in range(3000):
        trace = np.zeros(80, np.int64)
        add_particles(rng, 900.0, 100.0, 0.0, trace)
        totals.append(trace.sum())
    assert np.mean(totals) == pytest.approx(900 - 0.5, abs=4 * 30 / 3000**0.5)  # whole numbers: rounded down
    assert np.std(totals) == pytest.approx(30, rel=0.06)


def test_the_fast_simulation_equals_the_plain_one() -> None:
    stations = station_positions(1500.0)[[30, 31, 39, 40, 41, 49, 50, 58, 20]]
    n = 500
    showers = one_shower(n)
    traces, times = detect(showers, stations, np.random.default_rng(1), noise=NOISE, threshold=THRESHOLD)
    plain, plain_times = plain_detect(showers, stations, np.random.default_rng(2), NOISE, THRESHOLD)
    on, plain_on = times != -1, plain_times != -1
    both = np.flatnonzero(plain_on.mean(axis=0) > 0.1)
    assert len(both) >= 4
    difference = on.mean(axis=0) - plain_on.mean(axis=0)
    assert np.abs(difference).max() < 4 * (0.5 / n) ** 0.5
    for s in both:
        ours, theirs = traces[on[:, s], s].astype(np.float64), plain[plain_on[:, s], s]
        error = np.sqrt(ours.var(axis=0) / len(ours) + theirs.var(axis=0) / len(theirs))
        pulls = (ours.mean(axis=0) - theirs.mean(axis=0)) / error
        assert np.abs(pulls).max() < 4.5
        assert (pulls**2).sum() < stats.chi2.ppf(0.999, 80)
        assert ours.std(axis=0).sum() == pytest.approx(theirs.std(axis=0).sum(), rel=0.05)
        assert stats.ks_2samp(ours.sum(axis=1), theirs.sum(axis=1)).pvalue > 1e-3
        assert stats.ks_2samp(times[on[:, s], s], plain_times[plain_on[:, s], s]).pvalue > 1e-3


def test_the_total_signal_is_capped() -> None:
    showers = one_shower(20, lg_energy=20.0, core=(0, 0))
    stations = station_positions(1500.0)[40:41]
    traces, _ = detect(showers, stations, np.random.default_rng(0), noise=NOISE, threshold=THRESHOLD)
    assert traces.sum(axis=-1).mean() == pytest.approx(1e7, rel=0.02)
    assert 1.5e6 < traces.max() < 3e6


def test_signals_fall_with_distance() -> None:
    showers = one_shower(300, zenith=0.0, core=(0, 0))
    stations = np.array([[r, 0, GROUND] for r in (200, 400, 800, 1200, 1600)])
    traces, _ = detect(showers, stations, np.random.default_rng(0), noise=NOISE, threshold=0.0)
    signal = traces.sum(axis=-1).mean(axis=0) - 80 * NOISE
    slope = np.diff(np.log(signal)) / np.diff(np.log(stations[:, 0]))
    assert ((slope > -6.3) & (slope < -4.7)).all()  # between those of em particles and muons
    assert slope[-2:].mean() > slope[:2].mean()  # muons win at large distances


def test_late_particles_come_from_far_away() -> None:
    showers = one_shower(300, zenith=0.0, core=(0, 0))
    stations = np.array([[r, 0, GROUND] for r in (200, 600, 1000)])
    traces, _ = detect(showers, stations, np.random.default_rng(0), noise=0.0, threshold=0.0)
    mean_time = (traces * (np.arange(80) + 0.5)).sum(axis=-1) / traces.sum(axis=-1)
    assert (np.diff(mean_time.mean(axis=0)) > 1).all()


def test_arrival_times_lie_in_a_plane_within_their_jitter(batch: Arrays) -> None:
    stations, times = (
        batch["stations"].astype(np.float64),
        batch["arrival_time"].reshape(-1, 81).astype(np.float64),
    )
    signal = batch["traces"].reshape(-1, 81, 80).sum(axis=-1, dtype=np.float64) - 80 * NOISE
    chi2, n_free, sines = 0.0, 0, []
    for event in range(len(times)):
        on = np.flatnonzero(times[event] != -1)
        if len(on) < 5:
            continue
        sigma = 60e-9 * 8 / (1 + np.log10(np.maximum(signal[event, on], 1) + 1))
        design = np.column_stack([stations[on, :2] / 3e8, np.full(len(on), 1e-6)]) / sigma[:, None]
        fit, residual, *_ = np.linalg.lstsq(design, times[event, on] / sigma)
        chi2, n_free = chi2 + residual[0], n_free + len(on) - 3
        sines.append(np.hypot(fit[0], fit[1]))
    assert n_free > 5000
    assert chi2 / n_free == pytest.approx(1, abs=0.05)
    assert np.max(sines) < np.sin(np.deg2rad(60)) + 0.15
    assert np.mean(np.array(sines) ** 2) == pytest.approx(0.375, abs=0.03)  # of sin^2, uniform up to 3/4


def test_the_array_is_hit_symmetrically(batch: Arrays) -> None:
    on = batch["arrival_time"][..., 0] != -1
    x, y = (batch["stations"][:, k].reshape(9, 9) for k in (0, 1))
    per_event = on.sum(axis=(1, 2))
    for coordinate in (x, y):
        mean = (on * coordinate).sum(axis=(1, 2)) / np.maximum(per_event, 1)
        assert abs(mean.mean()) < 4 * mean.std() / len(mean) ** 0.5


def test_the_same_arguments_give_the_same_bytes_whatever_came_before() -> None:
    first = make(seed=3)
    make(seed=4)
    sequence = np.random.SeedSequence(3)
    sequence.spawn(2)
    again = simulate(40, sequence, Config(), "test")
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes()
    assert first["traces"].tobytes() != make(seed=5)["traces"].tobytes()


def test_events_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one = Airshower.generate(tmp_path / "one", 60, seed=2, workers=1, variant="own", primaries={"p": 1, "Fe": 1})
    two = Airshower.generate(tmp_path / "two", 60, seed=2, workers=2, variant="own", primaries={"p": 1, "Fe": 1})
    assert one.manifest.fingerprint == two.manifest.fingerprint


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(primaries={"He": 1.0}))))
    assert function is simulate
    assert config == Config(primaries={"He": 1.0})


@pytest.mark.parametrize("variant", CARD.variants)
def test_every_variant_of_the_card_is_a_setting(variant: str) -> None:
    config = Airshower.simulator().config(CARD.variants[variant].config)
    assert (config == Config()) == (variant == "default")


def test_what_is_varied_has_its_effect(batch: Arrays) -> None:
    def triggered(**config: Any) -> float:
        return float((make(600, seed=7, **config)["arrival_time"] != -1).mean())

    nominal = float((batch["arrival_time"] != -1).mean())
    assert triggered(trigger=1.28) < 0.93 * nominal
    assert triggered(signal_scale=1.5) > 1.1 * nominal
    assert nominal == pytest.approx(0.1118, abs=0.005)  # as published (evidence)
    assert triggered(layout="offset") > 1.1 * nominal
    assert triggered(spacing=750.0) > 2 * nominal
    assert triggered(lg_energy_min=20.0) > 1.4 * nominal
    assert triggered(trigger=0.0) == 1.0
    iron, proton = (make(600, primaries={name: 1})["xmax"].mean() for name in ("Fe", "p"))
    assert proton - iron > 70
    assert make(3, spacing=750.0)["stations"][9, 0] - make(3, spacing=750.0)["stations"][0, 0] == 750
    vertical = make(300, zenith_max=0.0, core_radius=0.0)["arrival_time"]
    assert np.abs(vertical[vertical != -1]).max() < 2e-6


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"primaries": {}}, "primaries must be weights"),
        ({"primaries": "p"}, "primaries must be weights"),
        ({"primaries": {"p": -1}}, "weight of p must be a number from 0"),
        ({"primaries": {"p": 0}}, "at least one weight above 0"),
        ({"lg_energy_min": 16}, "lg_energy_min must be a number from 17 to 21, not 16"),
        ({"lg_energy_max": 18.0}, "lg_energy_max must not be below lg_energy_min, found 18 and 18.5"),
        ({"zenith_max": 90}, "zenith_max"),
        ({"spacing": 0}, "spacing"),
        ({"core_radius": float("nan")}, "core_radius"),
        ({"signal_scale": "2"}, "signal_scale .* not '2'"),
        ({"noise": -1}, "noise"),
        ({"trigger": True}, "trigger"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Config(**config)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown key of primaries 'fe'; did you mean 'Fe'"):
        Config(primaries={"fe": 1.0})
    with pytest.raises(UnknownNameError, match="unknown layout 'hexagonal'"):
        Config(layout="hexagonal")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="did you mean 'primaries'"):
        Airshower.simulator().config({"primarys": {"p": 1}})
