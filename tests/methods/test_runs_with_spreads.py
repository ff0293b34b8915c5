"""Networks with spreads from training to a record that can be computed again, on small events of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pd4ml
from helpers.learnable import Classes, Nodes, Values, Vectors, Weighted
from pd4ml.benchmark import Run, evaluate, transform
from pd4ml.benchmark.leaderboard import add_run, check
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.methods.laplace import Laplace
from pd4ml.models.batch import GraphBatch
from pd4ml.report.html import write_report
from pd4ml.report.table import to_text
from pd4ml.training import Recipe, load_recipe
from pd4ml.training.history import read_history

SPREAD = {"nll", "crps", "pull_mean", "pull_width"}
SMALL_SWAG = {"kind": "swag", "samples": 3, "snapshots": 4, "share": 0.5}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    for dataset in (Values, Classes, Vectors, Weighted, Nodes):
        dataset.generate(folder, 500, seed=1)
    return folder


def recipe(method: dict[str, Any], name: str = "fcn_quick", **changes: Any) -> Recipe:
    small = {"fcn_quick": {"width": 16, "depth": 2}, "graph_net_quick": {"width": 8}}
    fast = {"batch_size": 32, "max_epochs": 6, "learning_rate": 0.01, "hyperparameters": small[name], **changes}
    return load_recipe(name).override(**{"method": method, **fast})


def run_of(dataset: type[Dataset], path: Path, runs: Path, method: dict[str, Any], **changes: Any) -> Run:
    return pd4ml.train(dataset.at(path, source="generated"), recipe(method, **changes), runs_dir=runs, threads=1)


def is_kept_and_recomputed(run: Run, dataset: type[Dataset], path: Path) -> None:
    assert evaluate(run.folder, path) == run.record.metrics
    loaded, sample = pd4ml.load_run(run.folder, threads=1), dataset.at(path, source="generated")
    found, wanted = loaded.predict(sample), run.predict(sample)
    np.testing.assert_array_equal(found.output, wanted.output)
    assert list(found.spreads) == list(wanted.spreads)
    for name, values in wanted.spreads.items():
        np.testing.assert_array_equal(found.spreads[name], values)


@pytest.mark.parametrize(
    ("method", "metrics"),
    [({"kind": "gaussian"}, SPREAD), ({"kind": "quantiles"}, {"coverage", "half_width"}), (SMALL_SWAG, SPREAD)],
    ids=["gaussian", "quantiles", "swag"],
)
def test_of_a_value(method: dict[str, Any], metrics: set[str], path: Path, tmp_path: Path) -> None:
    run = run_of(Values, path, tmp_path, method)
    assert metrics | {"mse", "bias", "resolution", "mae"} == set(run.record.metrics)
    assert run.record.metrics["resolution"].value < 8  # of 10: something is learned
    is_kept_and_recomputed(run, Values, path)
    shown = to_text([run.record])
    assert ("CRPS" if "crps" in metrics else "coverage") in shown
    if method["kind"] == "gaussian":
        add_run(run.folder, tmp_path / "board", path)
        assert [result.problem for result in check(tmp_path / "board", path)] == [""]
        write_report([run.record], tmp_path / "report.html", path)
        page = (tmp_path / "report.html").read_text()
        assert "CRPS" in page
        assert "left out" not in page
    if "pull_width" in metrics:
        assert 0.6 < run.record.metrics["pull_width"].value < 1.7
    # A copy of what was loaded can be loaded again.
    copy = tmp_path / "copy"
    copy.mkdir()
    loaded = pd4ml.load_run(run.folder, threads=1).fitted
    loaded.save(copy)
    events = Values.at(path, source="generated").open("test")
    np.testing.assert_array_equal(pd4ml.training.fitted.load_fitted(copy).predict(events), loaded.predict(events))


def test_swag_averages_probabilities_and_finds_norms(path: Path, tmp_path: Path) -> None:
    for dataset, name in ((Classes, "graph_net_quick"), (Weighted, "fcn_quick"), (Nodes, "graph_net_quick")):
        run = run_of(dataset, path, tmp_path, SMALL_SWAG, name=name, max_epochs=2)
        is_kept_and_recomputed(run, dataset, path)
        arrays = torch.load(run.folder / "model.pt", weights_only=True)["arrays"]
        assert arrays["snapshots"].shape == (4, run.record.model["parameters"])
        norms = arrays["norms"].numpy()
        assert (norms.shape[1] > 0) == (name == "graph_net_quick")
        if norms.shape[1]:  # each draw has its own
            assert (np.ptp(norms, axis=0) > 0).any()
    assert "noise" not in arrays


def test_swag_trains_to_the_end_at_its_own_rate(path: Path, tmp_path: Path) -> None:
    run = run_of(Values, path, tmp_path, {**SMALL_SWAG, "rate": 0.3}, patience=1, min_delta=1e9)
    rows = read_history(run.folder / "history.csv")
    assert len(rows) == run.record.epochs["best"] == 6
    assert [row["learning_rate"] for row in rows[3:]] == pytest.approx([0.003] * 3)
    assert rows[0]["learning_rate"] != pytest.approx(0.003)


def test_swag_that_was_stopped_goes_on(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pd4ml.training import fit

    whole = run_of(Values, path, tmp_path / "a", SMALL_SWAG)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fit, "leave_group", stop)
        with pytest.raises(KeyboardInterrupt):
            run_of(Values, path, tmp_path / "b", SMALL_SWAG)
    resumed = run_of(Values, path, tmp_path / "b", SMALL_SWAG)
    first, second = (torch.load(r.folder / "model.pt", weights_only=True)["arrays"] for r in (whole, resumed))
    torch.testing.assert_close(first["snapshots"], second["snapshots"])


def test_laplace_of_a_linear_model_is_bayesian_linear_regression(path: Path, tmp_path: Path) -> None:
    sample = Values.at(path, source="generated")
    run = run_of(Values, path, tmp_path, {"kind": "supervised"})
    made = transform(run, Laplace(), sample, runs_dir=tmp_path)
    is_kept_and_recomputed(made, Values, path)
    assert made.record.parents == [run.record.sha256]
    assert made.record.method == {"kind": "laplace"}
    np.testing.assert_array_equal(made.predict(sample).output, run.predict(sample).output)
    # The same by hand, from what the trunk gives, on the events that were trained on.
    model: Any = run.fitted.model  # type: ignore[attr-defined]
    view = run.view
    train, test = sample.graphs("train", view), sample.graphs("test", view)
    with torch.no_grad():
        rows, seen = (model.eval().features(GraphBatch.from_packed(graphs[:])) for graphs in (train, test))
    rows, seen = (np.c_[x.double().numpy(), np.ones(len(x))] for x in (rows, seen))
    n_train, scale = run.record.events["train"], float(model.target_scale)
    valid = np.asarray(sample.open("train").y, np.float64)[n_train:]
    noise = float(np.mean((run.predict(sample, "train").output[n_train:] - valid) ** 2))
    x = rows[:n_train]
    theta = torch.cat([model.head.weight, model.head.bias[:, None]], dim=1).detach().double().numpy()
    prior = 1.0
    for _ in range(500):
        precision = x.T @ x / (noise / scale**2) + prior * np.eye(x.shape[1])
        prior = (len(precision) - prior * np.trace(np.linalg.inv(precision))) / float((theta**2).sum())
    covariance = np.linalg.inv(x.T @ x / (noise / scale**2) + prior * np.eye(x.shape[1]))
    wanted = np.sqrt(noise + scale**2 * np.einsum("nv,vw,nw->n", seen, covariance, seen))
    spread = made.predict(sample).spread
    assert spread is not None
    np.testing.assert_allclose(spread, wanted, rtol=1e-4)


def test_laplace_makes_classes_less_sure(path: Path, tmp_path: Path) -> None:
    for dataset in (Classes, Weighted):
        run = run_of(dataset, path, tmp_path, {"kind": "supervised"})
        made = transform(run, Laplace(), dataset.at(path, source="generated"), runs_dir=tmp_path)
        is_kept_and_recomputed(made, dataset, path)
        sample = dataset.at(path, source="generated")
        before, after = run.predict(sample).output, made.predict(sample).output
        assert (np.abs(after) < np.abs(before)).all()
        assert (after * before > 0).all()


def test_what_cannot_be_done_is_said(path: Path, tmp_path: Path) -> None:
    sample = Values.at(path, source="generated")
    gaussian = run_of(Values, path, tmp_path, {"kind": "gaussian"}, max_epochs=1)
    with pytest.raises(DataError, match="needs a network trained with supervised"):
        transform(gaussian, Laplace(), sample, runs_dir=tmp_path)
    vectors = run_of(Vectors, path, tmp_path, {"kind": "supervised"}, max_epochs=1)
    with pytest.raises(DataError, match="laplace is for classes of events and for one value"):
        transform(vectors, Laplace(), Vectors.at(path, source="generated"), runs_dir=tmp_path)
    with pytest.raises(DataError, match="swag took 1 weights, and needs 2"):
        run_of(Values, path, tmp_path, {**SMALL_SWAG, "share": 1e-6}, max_epochs=1)
    with pytest.raises(DataError, match="gaussian is for regressions of one value"):
        run_of(Classes, path, tmp_path, {"kind": "gaussian"})

    class Own(nn.Module):
        def __init__(self, n_outputs: int) -> None:
            super().__init__()
            self.layer = nn.Linear(12, n_outputs)

        def forward(self, batch: GraphBatch) -> Tensor:
            x: Tensor = self.layer(batch.to_dense().flatten(1))
            return x

    with pytest.raises(DataError, match=r"must give \(2, 3\) for 2 events"):
        pd4ml.train(sample, recipe({"kind": "quantiles"}), model=Own(1), runs_dir=tmp_path)
    own = pd4ml.train(sample, recipe({"kind": "quantiles"}, max_epochs=1), model=Own(3), runs_dir=tmp_path)
    assert own.predict(sample).lower is not None
    with pytest.raises(DataError, match="laplace needs a network of a recipe's model"):
        transform(
            pd4ml.train(
                sample,
                recipe({"kind": "supervised"}, max_epochs=1),
                model=nn.Sequential(Flat()),
                runs_dir=tmp_path,
            ),
            Laplace(),
            sample,
            runs_dir=tmp_path,
        )


class Flat(nn.Module):
    """A module that is no model of this package."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 1)

    def forward(self, batch: GraphBatch) -> Tensor:
        x: Tensor = self.layer(batch.to_dense().flatten(1)).squeeze(-1)
        return x
