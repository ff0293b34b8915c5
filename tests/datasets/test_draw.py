"""What every room draws, and what it says one should look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pd4ml
from helpers.toy import Toy, ToyConfig
from helpers.toy import simulate as simulate_toy
from pd4ml.dataset import Dataset
from pd4ml.report.style import house_style, new_figure, save

DATASETS = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]
N_EVENTS = 12


@pytest.fixture(scope="module", params=DATASETS, ids=lambda d: d.name)
def events(request: pytest.FixtureRequest) -> tuple[type[Dataset], dict[str, Any]]:
    dataset: type[Dataset] = request.param
    simulator = dataset.simulator()
    arrays = simulator.simulate(N_EVENTS, np.random.SeedSequence(5), simulator.config({}), "train")
    return dataset, dict(arrays)


def one(dataset: type[Dataset], arrays: dict[str, Any], i: int) -> dict[str, Any]:
    return {
        spec.name: arrays[spec.name][i] if spec.per_event else arrays[spec.name] for spec in dataset.card.arrays
    }


def test_a_room_draws_its_events(events: tuple[type[Dataset], dict[str, Any]]) -> None:
    dataset, arrays = events
    drawn = []
    for i in (0, 1):
        with house_style():
            figure, axes = new_figure()
            dataset.draw(one(dataset, arrays, i), axes)
            drawn.append(save(figure, "svg", "same"))
        assert axes.has_data()
    assert drawn[0] != drawn[1]


def test_observables_are_numbers_with_units(events: tuple[type[Dataset], dict[str, Any]]) -> None:
    dataset, arrays = events
    observables = dataset.observables(arrays)
    assert len(observables) >= 3
    for label, values in observables.items():
        assert values.ndim == 1, label
        assert len(values) >= N_EVENTS, label
        assert np.isfinite(values).all(), label


def test_a_dataset_that_says_nothing_is_drawn_all_the_same() -> None:
    arrays = simulate_toy(7, np.random.SeedSequence(1), ToyConfig(), "train")
    _, axes = new_figure()
    Toy.draw(one(Toy, arrays, 0), axes)
    assert len(axes.images) == 1
    assert len(axes.child_axes) == 1, "a colour bar"
    assert {label: len(values) for label, values in Toy.observables(arrays).items()} == {"points [1]": 70}


def test_pixels_are_coloured_by_their_labels() -> None:
    """Only the brightest have one; the colour bar names them."""
    pixels = np.array([[0, 5, 7, 90.0], [2, 0, 127, 40.0], [1, 1, 1, 6.0]], np.float32)
    _, axes = new_figure()
    pd4ml.LArPixels.draw({"pixels": pixels, "pixel_label": np.array([1, 4, -1, -1], np.int8)}, axes)
    image = axes.images[0].get_array()
    assert (image[5, 7], image[0, 2 * 128 + 127]) == (1, 4)
    assert np.isfinite(np.ma.filled(image, np.nan)).sum() == 2
    names = [text.get_text() for text in axes.child_axes[0].get_yticklabels()]
    assert names == list(pd4ml.LArPixels.card.classes)


def test_jet_mass_is_that_of_the_sum() -> None:
    constituents = np.zeros((1, 200, 4), np.float32)
    constituents[0, :2] = (50, 30, 0, 40), (50, -30, 0, 40)
    (jet,) = pd4ml.TopTagging.observables({"constituents": constituents})["jet mass [GeV]"]
    assert jet == pytest.approx(60, abs=1e-4)  # 100^2 - 80^2 = 60^2


def test_elliptic_flow_of_a_known_modulation() -> None:
    phi = (np.arange(24) + 0.5) * 2 * np.pi / 24
    spectrum = np.tile(1 + 2 * 0.07 * np.cos(2 * (phi - 0.4)), (1, 24, 1))
    (v2,) = pd4ml.EOSL.observables({"pion_spectrum": spectrum})["|v2|"]
    assert v2 == pytest.approx(0.07, rel=1e-6)


def test_radius_and_contrast_of_a_known_image() -> None:
    density = np.zeros((1, 20, 20), np.float32)
    density[0, 10, 7] = density[0, 10, 13] = 2
    found = pd4ml.Spinodal.observables({"density": density})
    assert found["rms radius [pixels]"] == pytest.approx(3)
    assert found["maximum over mean density"] == pytest.approx(200)
    assert found["pixels below 1/256 of the maximum"] == 398
