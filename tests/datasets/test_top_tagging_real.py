"""Twenty real jets of the published set go through everything that looks at jets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner, Result

import pd4ml
from pd4ml import TopTagging
from pd4ml.cli import app
from pd4ml.physics.kinematics import pt_eta_phi_mass
from pd4ml.storage.memory import memory_events
from pd4ml.training import load_recipe

FILE = Path(__file__).parents[2] / "evidence" / "top_tagging" / "published" / "20jets.csv"


def command(*arguments: object) -> Result:
    """`pd4ml` as it is typed."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[Any]]:
    """Constituents (20, 200, 4) and labels (20,)."""
    rows = [line.split(",") for line in FILE.read_text().splitlines() if not line.startswith("#")]
    out = np.zeros((20, 200, 4), np.float32)
    label, filled = np.zeros(20, np.uint8), np.zeros(20, int)
    for jet, kind, _, *p4 in rows:
        i = int(jet)
        out[i, filled[i]] = [float(value) for value in p4]
        label[i], filled[i] = int(kind), filled[i] + 1
    return {"constituents": out, "ttv": np.zeros(20, np.uint8), "label": label}


def test_they_are_what_the_card_says(arrays: dict[str, NDArray[Any]]) -> None:
    p4 = arrays["constituents"].astype(np.float64)
    pt, eta, _, mass = pt_eta_phi_mass(p4.sum(axis=1))
    assert ((pt > 549) & (pt < 651)).all()
    assert (np.abs(eta) < 2.01).all()
    assert np.median(mass[arrays["label"] == 1]) == pytest.approx(173, abs=15)
    constituent_pt = np.hypot(p4[..., 1], p4[..., 2])
    assert (np.diff(constituent_pt, axis=1) <= 1e-3).all()
    massless = np.sqrt(np.abs(p4[..., 0] ** 2 - (p4[..., 1:] ** 2).sum(-1)))
    assert massless.max() < 0.5  # float32 of the published file


def test_features_graphs_and_summaries_are_finite(arrays: dict[str, NDArray[Any]]) -> None:
    events = memory_events(TopTagging.card, arrays, "real")
    fitted = TopTagging.fit_features(events)
    graphs = TopTagging.build_graphs(arrays, fitted)
    assert len(graphs) == 20
    assert np.isfinite(graphs.nodes).all()
    assert graphs.sizes.tolist() == np.minimum((arrays["constituents"][..., 0] > 0).sum(axis=1), 100).tolist()
    names, summary = TopTagging.summary_features(arrays)
    assert np.isfinite(summary).all()
    assert summary.shape == (20, len(names))


@pytest.fixture(scope="module")
def data(arrays: dict[str, NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of datasets with the real jets, imported as a part of the published ones."""
    path = tmp_path_factory.mktemp("data")
    names = {"X_{}_0": "constituents", "X_{}_1": "ttv", "y_{}": "label"}
    parts = {"train": slice(None, None, 2), "test": slice(1, None, 2)}
    file = {key.format(split): arrays[name][part] for split, part in parts.items() for key, name in names.items()}
    np.savez(path / "real.npz", **file)  # type: ignore[arg-type]
    done = command("import", path / "real.npz", "--dataset", "TopTagging", "--variant", "real", "--path", path)
    assert done.exit_code == 0, done.output
    return path


def test_a_model_trained_on_generated_jets_tells_them_apart(data: Path, tmp_path: Path) -> None:
    TopTagging.generate(data, n_events=240, seed=1)
    recipe = load_recipe("gbdt").override(max_epochs=40)
    run = pd4ml.train(TopTagging.at(data, source="generated"), recipe, runs_dir=tmp_path)
    real = TopTagging.at(data, source="imported", variant="real")
    splits = ("train", "test")
    score = np.concatenate([run.predict(real, split).output for split in splits])
    label = np.concatenate([real.open(split).take(slice(None))["label"] for split in splits])
    assert roc_auc_score(label, score) > 0.8


def test_they_are_drawn(data: Path, tmp_path: Path) -> None:
    where = ("--source", "imported", "--variant", "real", "--path", data)
    done = command("plot", "TopTagging", *where, "--events", 2, "--out", tmp_path / "jets.png")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "jets.png").stat().st_size > 20_000
