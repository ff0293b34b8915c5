"""Features, graphs and summary of jet images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.jet_images.features import features, fit
from pd4ml.datasets.jet_images.graph import graphs
from pd4ml.datasets.jet_images.summary import summary
from pd4ml.errors import DataError


@pytest.fixture
def image() -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return np.where(rng.random((20, 25, 25)) < 0.05, rng.exponential(9, (20, 25, 25)), 0).astype(np.float32)


def test_features_are_roots_over_their_mean_square(image: NDArray[np.float32]) -> None:
    fitted = fit({"image": image})
    found = features(image, fitted["scale"])
    assert found.shape == (20, 25, 25, 1)
    assert found.dtype == np.float32
    assert np.mean(found**2) == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(features(4 * image, fitted["scale"]), 2 * found, rtol=1e-6)


def test_graphs_are_grids(image: NDArray[np.float32]) -> None:
    packed = graphs({"image": image}, {"scale": 1.0})
    assert packed.grid == (25, 25)
    np.testing.assert_allclose(packed.nodes.reshape(image.shape), np.sqrt(image), rtol=1e-6)
    assert not graphs({"image": image}, {"scale": 1.0}, edges=False).has_edges


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_bad_pixels_are_found(image: NDArray[np.float32], value: float) -> None:
    image[7, 3, 4] = value
    with pytest.raises(DataError, match="event 7 has a pixel"):
        features(image, 1.0)


def test_bad_shapes_and_empty_images_are_refused(image: NDArray[np.float32]) -> None:
    with pytest.raises(DataError, match=r"expected image \(N, 25, 25\) of float32, found \(20, 24, 25\)"):
        features(image[:, :24], 1.0)
    with pytest.raises(DataError, match="float64"):
        features(image.astype(np.float64), 1.0)
    with pytest.raises(DataError, match="must be finite and not all empty"):
        fit({"image": np.zeros((3, 25, 25), np.float32)})


def test_two_prongs_are_read_off_their_pixels() -> None:
    image = np.zeros((1, 25, 25), np.float32)
    image[0, 12, 12], image[0, 6, 12], image[0, 12, 14] = 180, 90, 0.5
    found = {name: values[0] for name, values in summary({"image": image}).items()}
    # m^2 = 2 pT1 pT2 (cosh d_eta - cos d_phi); the third pixel adds little.
    assert found["mass"] == pytest.approx(np.sqrt(2 * 180 * 90 * (1 - np.cos(0.6))), rel=2e-2)
    assert found["delta_r"] == pytest.approx(0.6)
    assert found["tau21"] == pytest.approx(0.5 * 0.2 / (180 * 0.2 + 90 * 0.4 + 0.5 * 0.28), rel=2e-2)
    assert (found["pixels"], found["soft_pixels"]) == (3, 1)
    assert found["first_share"] == pytest.approx(180.5 / 270.5)
    assert found["second_share"] == pytest.approx(90 / 270.5)
    assert found["far_share"] == pytest.approx(0, abs=1e-12)
    assert found["above"] == 0
    assert found["mean_y"] == pytest.approx(-0.6 * 90 / 270.5)
