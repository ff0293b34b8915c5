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
from pd4ml.datasets.spinodal.fireball import _R, CENTRE, SIDE, Fireballs, cell_centres, thickness
from pd4ml.datasets.spinodal.image import image
from pd4ml.datasets.spinodal.simulator import Config, draw, expand, simulate
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.storage.writer import check_arrays

Arrays = dict[str, NDArray[Any]]


def make(n_events: int = 30, seed: int = 1, **config: Any) -> Arrays:
    return simulate(n_events, np.random.SeedSequence(seed), Config(**config), "train")


@pytest.fixture(scope="module")
def batch() -> Arrays:
    return make(300, seed=7)


def peak(density: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(density.max(axis=(1, 2)) / density.mean(axis=(1, 2)), np.float64)


def test_the_arrays_are_those_of_the_card(batch: Arrays) -> None:
    check_arrays(CARD, batch, 300)
    assert abs(batch["label"].mean() - 0.5) < 4 * 0.5 / 300**0.5


def test_images_are_smooth_on_one_disc(batch: Arrays) -> None:
    density = batch["density"].astype(np.float64)
    inside = 256 * density > density.max(axis=(1, 2), keepdims=True)
    assert np.mean([ndimage.label(event, np.ones((3, 3)))[1] == 1 for event in inside]) > 0.98
    assert inside[:, 5:15, 5:15].mean() > 0.995
    assert len(np.unique(density[0][inside[0]])) == inside[0].sum()  # no counts
    # The tail is continuous: it has pixels at every power of ten below the rim.
    relative = density / density.max(axis=(1, 2), keepdims=True)
    for low, high in ((1e-2, 1e-1), (1e-3, 1e-2), (1e-4, 1e-3)):
        assert ((relative > low) & (relative < high)).sum(axis=(1, 2)).mean() > 5


def test_shape_and_clumping_are_near_the_published_ones(batch: Arrays) -> None:
    density = batch["density"].astype(np.float64)
    i, total = np.arange(20), density.sum(axis=(1, 2))
    x, y = (density.sum(axis=axis) @ i / total for axis in (2, 1))
    squares = sum(density.sum(axis=axis) @ i**2 / total for axis in (2, 1)) - x**2 - y**2
    assert 5.0 < np.sqrt(squares).mean() < 5.5
    assert x.mean() == pytest.approx(9.3, abs=0.1)
    assert y.mean() == pytest.approx(9.3, abs=0.1)
    assert 50 < (256 * density < density.max(axis=(1, 2), keepdims=True)).sum(axis=(1, 2)).mean() < 80
    spinodal, maxwell = (peak(density[batch["label"] == k]).mean() for k in (1, 0))
    assert spinodal == pytest.approx(7.1, abs=0.7)
    assert maxwell == pytest.approx(5.4, abs=0.6)


def test_both_classes_begin_alike(batch: Arrays) -> None:
    begin = draw(300, Config(), np.random.default_rng(np.random.SeedSequence(7)))
    density = begin.density
    number = density.sum(axis=(1, 2))
    x = cell_centres()
    size = (density.sum(axis=1) @ x**2 + density.sum(axis=2) @ x**2) / number
    spinodal = batch["label"] == 1
    for quantity in (number, size, peak(density), begin.impact):
        assert stats.ks_2samp(quantity[spinodal], quantity[~spinodal]).pvalue > 1e-3
        assert quantity.std() > 0.02 * quantity.mean()
    # The images are those of just these fireballs.
    few = Fireballs(density[:20], begin.impact[:20])
    expected = Config().critical_density * expand(few, spinodal[:20], Config())
    np.testing.assert_array_equal(batch["density"][:20], expected.astype(np.float32))


def test_the_same_fireball_clumps_in_one_class_only() -> None:
    begin = draw(40, Config(), np.random.default_rng(3))
    maxwell, spinodal = (expand(begin, np.full(40, k), Config()) for k in (False, True))
    assert (peak(spinodal) > peak(maxwell)).mean() > 0.8
    np.testing.assert_allclose(spinodal.sum(axis=(1, 2)), maxwell.sum(axis=(1, 2)), rtol=0.05)  # same baryons
    crossover = Config(**CARD.variants["crossover"].config)
    same, name_only = (expand(begin, np.full(40, k), crossover) for k in (False, True))
    np.testing.assert_array_equal(same, name_only)


def test_fireballs_are_the_nucleons_of_two_nuclei() -> None:
    config = Config(density_spread=0.0, nucleons=200.0, smearing=0.6, impact_max=0.0)
    density = draw(600, config, np.random.default_rng(0)).density
    x = cell_centres()
    radius = np.hypot(x[:, None], x)
    # A thickness that is smeared, in the mean; Poisson about it: variance = mean / (4 pi smearing^2 nucleons per
    # area)
    expected = np.interp(radius, _R, thickness())
    middle, norm = radius < 3, 2 * np.pi * (_R * thickness()).sum() * _R[1]
    assert density.mean(axis=0)[middle].mean() == pytest.approx(config.density * expected[middle].mean(), rel=0.03)
    relative = density.var(axis=0)[middle].mean() / density.mean(axis=0)[middle].mean() ** 2
    per_area = 200 / norm * expected[middle].mean()
    assert relative == pytest.approx(1 / (4 * np.pi * 0.6**2 * per_area), rel=0.1)
    far = draw(200, Config(density_spread=0.0, impact_max=8.0), np.random.default_rng(0))
    number = far.density.sum(axis=(1, 2))
    assert number[far.impact > 6].mean() < 0.75 * number[far.impact < 2].mean()
    assert (far.impact**2).mean() == pytest.approx(32, rel=0.1)  # uniform in b^2


def test_an_image_is_the_mean_of_its_cells() -> None:
    x = cell_centres()
    plane = 1.0 + 0.05 * x[:, None] + 0.02 * x
    position = np.arange(20) - CENTRE
    expected = 1.0 + 0.05 * position[:, None] + 0.02 * position
    np.testing.assert_allclose(image(np.tile(plane, (2, 1, 1))), np.tile(expected, (2, 1, 1)), rtol=1e-12)
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
    one = Spinodal.generate(tmp_path / "one", 40, seed=2, workers=1, variant="lumpy", nucleons=90.0)
    two = Spinodal.generate(tmp_path / "two", 40, seed=2, workers=2, variant="lumpy", nucleons=90.0)
    assert one.manifest.fingerprint == two.manifest.fingerprint


def test_it_travels_to_a_worker() -> None:
    function, config = pickle.loads(pickle.dumps((simulate, Config(nucleons=90.0))))
    assert function is simulate
    assert config == Config(nucleons=90.0)


@pytest.mark.parametrize("variant", CARD.variants)
def test_every_variant_of_the_card_is_a_setting(variant: str) -> None:
    config = Spinodal.simulator().config(CARD.variants[variant].config)
    assert (config == Config()) == (variant == "default")


def test_what_is_varied_has_its_effect() -> None:
    def mean_peak(k: int, **config: Any) -> float:
        begin = draw(40, Config(**config), np.random.default_rng(7))
        return float(peak(expand(begin, np.full(40, k == 1), Config(**config))).mean())

    nominal, maxwell = mean_peak(1), mean_peak(0)
    assert mean_peak(1, unstable=1.4 * Config().unstable) > nominal + 0.3
    assert mean_peak(1, surface=0.2) < nominal - 0.2
    assert mean_peak(1, unstable=0.0) < nominal - 0.3
    assert mean_peak(0, nucleons=500.0) < maxwell - 0.4
    assert make(5, critical_density=1.6)["density"].max() == 2 * make(5, critical_density=0.8)["density"].max()
    assert (make(5, duration=0.0)["density"] > 0).any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"density": 0}, "density must be a number from 0.1 to 5, not 0"),
        ({"nucleons": -1}, "nucleons"),
        ({"smearing": 0}, "smearing"),
        ({"impact_max": float("nan")}, "impact_max"),
        ({"duration": 1e9}, "duration"),
        ({"unstable": "2"}, "unstable .* not '2'"),
        ({"surface": True}, "surface"),
        ({"unstable": -0.2, "width": 0.6}, "bind matter in vacuum"),
    ],
)
def test_bad_settings_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Config(**config)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'surface'"):
        Spinodal.simulator().config({"surfase": 1.0})
