"""Belle as a user meets it: published file, generated events, graphs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from pd4ml import Belle
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.storage.store import Array

ROOT = Path(__file__).parents[2]


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small file in the published layout: wider types, tokens in another order."""
    monkeypatch.setenv("PD4ML_OFFLINE", "1")
    source = Belle.card.sources[0]
    files = tuple(dataclasses.replace(file, md5=None) for file in source.files)
    splits = MappingProxyType({"train": 30, "test": 10})
    card = dataclasses.replace(Belle.card, splits=splits, sources=(dataclasses.replace(source, files=files),))
    monkeypatch.setattr(Belle, "card", card)
    rng = np.random.default_rng(1)
    arrays: dict[str, Array] = {}
    for split, n in splits.items():
        particles = np.abs(rng.normal(size=(n, 100, 9)))
        particles[..., 8] = rng.integers(1, 500, (n, 100))
        particles[:, 40:] = 0
        mother = np.full((n, 100), -1)
        mother[:, 1:40] = np.arange(39) // 2
        arrays |= {f"X_{split}_0": particles, f"X_{split}_1": mother, f"y_{split}": rng.integers(0, 2, n)}
    np.savez_compressed(tmp_path / files[0].name, **arrays)  # type: ignore[arg-type]
    return tmp_path


def test_the_published_file_is_read(published: Path) -> None:
    X, y = Belle.load("train", published)
    assert [(a.shape, str(a.dtype)) for a in X] == [((30, 100, 9), "float32"), ((30, 100), "int16")]
    assert (y.shape, str(y.dtype)) == ((30,), "uint8")
    pack = Belle.graphs("test", published).pack()
    assert len(pack) == 10
    assert (pack.sizes == 40).all()
    assert pack.edge_index.shape == (2, 10 * 2 * 39)


def test_what_is_fitted_is_fitted_on_train(published: Path) -> None:
    fitted = Belle.fit_features(Belle.open("train", published))
    assert json.loads(json.dumps(fitted)) == fitted
    arrays = Belle.open("test", published).take(slice(None))
    expected = Belle.build_graphs(arrays, fitted)
    pack = Belle.graphs("test", published).pack()
    np.testing.assert_array_equal(pack.nodes, expected.nodes)
    assert pack.tokens is not None
    np.testing.assert_array_equal(pack.tokens, expected.tokens)
    assert (pack.tokens == 0).any()  # kinds beyond the 182 most frequent


def test_generated_events_become_graphs(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    Belle.generate(tmp_path, 40, seed=5)
    X, y = Belle.load("train", tmp_path, source="generated")
    assert [len(a) for a in (*X, y)] == [28, 28, 28]
    assert y.sum() == 14
    graphs = Belle.graphs("train", tmp_path, source="generated")
    pack = graphs.pack()
    assert pack.tokens is not None
    assert pack.tokens.max() < pack.n_tokens == 183
    np.testing.assert_allclose(pack.nodes.mean(axis=0), 0, atol=1e-4)
    trees = pack.sizes - 1  # a tree of n particles has n - 1 branches
    assert pack.edge_index.shape[1] == 2 * trees.sum()
    x, _ = Belle.load_data("test", tmp_path, graph=True, source="generated")
    np.testing.assert_array_equal(x["adj_matrix"], x["adj_matrix"].transpose(0, 2, 1))


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'delta_e_max'"):
        Belle.generate(tmp_path, 10, variant="own", delta_e_mx=0.1)
    with pytest.raises(DataError, match="tracking_efficiency must be a number from 0 to 1"):
        Belle.generate(tmp_path, 10, variant="own", tracking_efficiency=2.0)


def test_the_card_tells_the_measured_efficiency() -> None:
    record = json.loads((ROOT / "evidence" / "belle" / "numbers.json").read_text())
    efficiency, error = record["default"]["efficiency"]["passes"]
    assert f"{100 * efficiency:.2f} ± {100 * error:.2f} %" in Belle.card.generator
