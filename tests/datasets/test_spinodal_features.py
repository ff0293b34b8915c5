"""Features and graphs of images, and the room from end to end."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.datasets.spinodal import Spinodal
from pd4ml.datasets.spinodal.card import CARD
from pd4ml.datasets.spinodal.features import FIT_EVENTS, features, fit_scale
from pd4ml.datasets.spinodal.simulator import Config, simulate
from pd4ml.errors import DataError
from pd4ml.graphs.grid import grid_edges


@pytest.fixture(scope="module")
def density() -> NDArray[np.float32]:
    return simulate(60, np.random.SeedSequence(3), Config(), "train")["density"].astype(np.float32)


def test_the_scale_is_the_spread_of_train(density: NDArray[np.float32]) -> None:
    assert fit_scale(density) == pytest.approx(density.astype(np.float64).std(), rel=1e-9)
    found = features(density, fit_scale(density))
    assert found.shape == (60, 20, 20, 1)
    assert found.dtype == np.float32
    assert found.std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(features(density, 2.0)[..., 0], density / np.float32(2))


def test_a_scale_that_is_fitted_anew_hides_a_factor(density: NDArray[np.float32]) -> None:
    """Why features of a variant are those of the training: what multiplies all densities would not be seen."""
    doubled, scale = 2 * density, fit_scale(density)
    np.testing.assert_array_equal(features(doubled, fit_scale(doubled)), features(density, scale))
    np.testing.assert_array_equal(features(doubled, scale), 2 * features(density, scale))


def test_the_scale_needs_only_the_first_events(density: NDArray[np.float32]) -> None:
    many = np.tile(density, (FIT_EVENTS // 60 + 2, 1, 1))
    expected = fit_scale(many[:FIT_EVENTS])
    many[FIT_EVENTS:] = 7.0
    assert fit_scale(many) == expected


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_bad_densities_are_found(density: NDArray[np.float32], value: float) -> None:
    bad = density.copy()
    bad[41, 3, 4] = value
    with pytest.raises(DataError, match="event 41 holds a density"):
        features(bad, 1.0)


def test_bad_shapes_and_empty_images_are_refused(density: NDArray[np.float32]) -> None:
    with pytest.raises(DataError, match=r"expected density \(N, 20, 20\) of float32, found \(60, 19, 20\)"):
        features(density[:, :19], 1.0)
    with pytest.raises(DataError, match="float64"):
        features(density.astype(np.float64), 1.0)
    with pytest.raises(DataError, match="must be finite and vary"):
        fit_scale(np.zeros((3, 20, 20), np.float32))


def test_generated_images_become_graphs(tmp_path: Path) -> None:
    Spinodal.generate(tmp_path, 50, seed=4)
    opened = Spinodal.open("test", tmp_path, source="generated")
    fitted = Spinodal.fit_features(Spinodal.open("train", tmp_path, source="generated"))
    pack = Spinodal.graphs("test", tmp_path, source="generated").pack()
    assert len(pack) == 15
    assert (pack.sizes == 400).all()
    expected = features(opened["density"], fitted["scale"])  # fitted on train
    np.testing.assert_array_equal(pack.nodes.reshape(expected.shape), expected)
    np.testing.assert_array_equal(pack[3].edge_index, grid_edges(20, 20))
    x, y = Spinodal.load_data("test", tmp_path, graph=True, source="generated")
    assert x["features"].shape == (15, 400, 1)
    assert (x["adj_matrix"].sum(axis=(1, 2)) == 2964 + 400).all()
    np.testing.assert_array_equal(y, opened.y)


def test_a_published_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = CARD.sources[0]
    files = tuple(dataclasses.replace(file, md5=None) for file in source.files)
    splits = MappingProxyType({"train": 14, "test": 6})
    card = dataclasses.replace(CARD, splits=splits, sources=(dataclasses.replace(source, files=files),))
    monkeypatch.setattr(Spinodal, "card", card)
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    parts = {s: simulate(n, np.random.SeedSequence(n), Config(), s) for s, n in splits.items()}
    arrays: dict[str, NDArray[Any]] = {}
    for split, part in parts.items():
        arrays[f"X_{split}_0"] = part["density"].astype(np.float64)
        arrays[f"y_{split}"] = part["label"].astype(np.float64)
    np.savez_compressed(tmp_path / files[0].name, allow_pickle=False, **arrays)
    X, y = Spinodal.load("test", tmp_path)
    np.testing.assert_array_equal(X[0], parts["test"]["density"])
    np.testing.assert_array_equal(y, parts["test"]["label"])
    assert X[0].dtype == np.float32
    assert len(Spinodal.graphs("train", tmp_path)[:]) == 14
