"""Simulated images: what the classes share, what is drawn, and that the seed says it all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from pd4ml.datasets.spinodal import Spinodal
from pd4ml.datasets.spinodal.card import CARD
from pd4ml.datasets.spinodal.fireball import SIDE, SPACING, cell_centres
from pd4ml.datasets.spinodal.image import CENTRE, image
from pd4ml.datasets.spinodal.simulator import Config, draw, expand, simulate
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.storage.writer import check_arrays

Arrays = dict[str, NDArray[Any]]


def make(n_events: int = 30, seed: int = 1, **config: Any) -> Arrays:
    return simulate(n_events, np.random.SeedSequence(seed), Config(**config), "train")


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(800, seed=7)


def peak(density: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(density.max(axis=(1, 2)) / density.mean(axis=(1, 2)), np.float64)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    check_arrays(CARD, batch, 800)
    assert abs(batch["label"].mean() - 0.5) < 4 * 0.5 / 800**0.5


def test_images_are_smooth_on_one_disc(batch: Arrays) -> None:
    density = batch["density"].astype(np.float64)
    inside = density > 0
    assert density[inside].min() >= 0.999 * Config().freeze_out * Config().critical_density
    assert np.mean([ndimage.label(event, np.ones((3, 3)))[1] == 1 for event in inside]) > 0.98
    assert all(ndimage.binary_fill_holes(event).sum() - event.sum() <= 2 for event in inside)
    assert inside[:, 5:15, 5:15].mean() > 0.995
    assert len(np.unique(density[0][inside[0]])) == inside[0].sum()  # no counts


def test_shape_and_clumping_are_near_the_published_ones(batch: Arrays) -> None:
    density = batch["density"].astype(np.float64)
    i, total = np.arange(20), density.sum(axis=(1, 2))
    x, y = (density.sum(axis=axis) @ i / total for axis in (2, 1))
    squares = sum(density.sum(axis=axis) @ i**2 / total for axis in (2, 1)) - x**2 - y**2
    assert 5.0 < np.sqrt(squares).mean() < 5.5
    assert x.mean() == pytest.approx(9.3, abs=0.1)
    assert y.mean() == pytest.approx(9.3, abs=0.1)
    assert 38 < (density == 0).sum(axis=(1, 2)).mean() < 83
    spinodal, maxwell = (peak(density[batch["label"] == k]).mean() for k in (1, 0))
    assert spinodal == pytest.approx(7.1, abs=0.5)
    assert maxwell == pytest.approx(5.4, abs=0.5)


def test_both_classes_begin_alike(batch: Arrays) -> None:
    begin = draw(800, Config(), np.random.default_rng(np.random.SeedSequence(7)))
    density = begin.density
    number = density.sum(axis=(1, 2))
    x = cell_centres()
    size = (density.sum(axis=1) @ x**2 + density.sum(axis=2) @ x**2) / number
    spinodal = batch["label"] == 1
    for quantity in (number, size, peak(density), begin.temperature, *begin.flow.T):
        assert stats.ks_2samp(quantity[spinodal], quantity[~spinodal]).pvalue > 1e-3
        assert quantity.std() > 0.02 * quantity.mean()
    # The images are those of just these fireballs.
    expected = Config().critical_density * expand(begin, spinodal, Config())
    np.testing.assert_array_equal(batch["density"], expected.astype(np.float32))


def test_the_same_fireball_clumps_in_one_class_only() -> None:
    begin = draw(60, Config(temperature_min=0.5, temperature_max=0.5), np.random.default_rng(3))
    maxwell, spinodal = (expand(begin, np.full(60, k), Config()) for k in (False, True))
    assert (peak(spinodal) > peak(maxwell)).mean() > 0.9
    np.testing.assert_allclose(spinodal.sum(axis=(1, 2)), maxwell.sum(axis=(1, 2)), rtol=0.05)  # same baryons
    hot = Config(**CARD.variants["above_critical"].config)
    begin = draw(20, hot, np.random.default_rng(3))
    same, name_only = (expand(begin, np.full(20, k), hot) for k in (False, True))
    np.testing.assert_allclose(same, name_only, rtol=1e-9)


def test_lumps_have_the_wanted_strength_and_size() -> None:
    config = Config(density_spread=0.0, radius_spread=0.0, noise=0.4, noise_length=1.1)
    density = draw(400, config, np.random.default_rng(0)).density
    x = cell_centres()
    lumps = density / (config.density * np.exp(-(x[:, None] ** 2 + x**2) / (2 * config.radius**2)))
    assert lumps.mean() == pytest.approx(1, abs=0.01)
    assert lumps.std() == pytest.approx(0.4, rel=0.03)
    log = np.log(lumps)
    correlation = np.mean((log - log.mean())[:, 2:] * (log - log.mean())[:, :-2]) / log.var()
    assert correlation == pytest.approx(np.exp(-((2 * SPACING) ** 2) / (2 * 1.1**2)), abs=0.02)


def test_an_image_is_the_density_where_it_was() -> None:
    x = cell_centres()
    plane = 1.0 + 0.05 * x[:, None] + 0.02 * x
    found = image(np.tile(plane, (2, 1, 1)), np.array([1.2, 1.4]), 0.0)
    position = np.arange(20) - CENTRE
    for event, growth in enumerate((1.2, 1.4)):
        expected = 1.0 + 0.05 * position[:, None] / growth + 0.02 * position / growth
        np.testing.assert_allclose(found[event], expected, rtol=1e-12)
    assert (image(plane[None], np.array([1.2]), 0.9) == 0).any()
    assert x[0] == -x[-1]
    assert len(x) == SIDE


def test_the_same_arguments_give_the_same_bytes_whatever_came_before() -> None:
    first = make(seed=3)
    make(seed=4)
    sequence = np.random.SeedSequence(3)
    sequence.spawn(2)
    again = simulate(30, sequence, Config(), "test")
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes()
    assert first["density"].tobytes() != make(seed=5)["density"].tobytes()


def test_events_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one = Spinodal.generate(tmp_path / "one", 40, seed=2, workers=1, variant="noisy", noise=0.4)
    two = Spinodal.generate(tmp_path / "two", 40, seed=2, workers=2, variant="noisy", noise=0.4)
    assert one.manifest.fingerprint == two.manifest.fingerprint


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(noise=0.2))))
    assert function is simulate
    assert config == Config(noise=0.2)


@pytest.mark.parametrize("variant", CARD.variants)
def test_every_variant_of_the_card_is_a_setting(variant: str) -> None:
    config = Spinodal.simulator().config(CARD.variants[variant].config)
    assert (config == Config()) == (variant == "default")


def test_what_is_varied_has_its_effect() -> None:
    def mean_peak(k: int, **config: Any) -> float:
        arrays = make(150, seed=7, **config)
        return float(peak(arrays["density"][arrays["label"] == k]).mean())

    nominal, maxwell = mean_peak(1), mean_peak(0)
    assert mean_peak(1, mobility=1.5 * Config().mobility) > nominal + 0.2
    assert mean_peak(1, surface=0.6) < nominal - 0.2
    assert mean_peak(1, temperature_min=1.0) < nominal - 0.5
    assert mean_peak(0, noise=0.1) < maxwell - 0.2  # 0.31 on average, with larger samples
    assert mean_peak(0, radius=2.4) > maxwell + 0.5
    assert make(5, critical_density=1.6)["density"].max() == 2 * make(5, critical_density=0.8)["density"].max()
    assert (make(5, duration=0.0)["density"] > 0).any()


def test_the_temperature_is_the_one_at_the_beginning() -> None:
    """Uniform in its range; above it nothing tells the classes apart, and the colder, the lumpier."""
    arrays = make(300, seed=5)
    temperature = arrays["temperature"]
    assert 0.4 <= temperature.min() < 0.45
    assert 1.2 < temperature.max() <= 1.25
    image = arrays["density"].astype(np.float64)
    lumpiness = image.max(axis=(1, 2)) / image.mean(axis=(1, 2))
    cold, spinodal = temperature < 0.6, arrays["label"] == 1
    assert lumpiness[cold & spinodal].mean() > lumpiness[~cold & spinodal].mean() + 0.3
    hot = make(100, seed=5, temperature_min=2.0, temperature_max=2.0)
    np.testing.assert_array_equal(hot["temperature"], np.full(100, 2, np.float32))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"density": 0}, "density must be a number from 0.1 to 5, not 0"),
        ({"noise": -0.1}, "noise"),
        ({"noise_length": 0}, "noise_length"),
        ({"temperature_min": float("nan")}, "temperature_min"),
        ({"temperature_max": 0.3}, "must not be below temperature_min, found 0.3 and 0.4"),
        ({"duration": 1e9}, "duration"),
        ({"mobility": "2"}, "mobility .* not '2'"),
        ({"surface": True}, "surface"),
        ({"well": 0}, "well"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Config(**config)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mobility'"):
        Spinodal.simulator().config({"mobilty": 1.0})
