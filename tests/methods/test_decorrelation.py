"""Objectives against a nuisance, held against plain formulae and against the exact optimum of a toy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import pd4ml
from helpers.learnable import Classes, Nodes, Values, Weighted
from helpers.pivot_toy import (
    auc,
    best_given,
    best_pivot,
    best_score,
    every_toy,
    largest_ks,
    make_toy,
    shifted_toys,
    toy_events,
)
from pd4ml.benchmark.run import Run, load_run
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.methods.decorrelation import Disco, Pivot, Planing
from pd4ml.methods.dependence import NORMAL_ENTROPY, Adversary, distance_correlation
from pd4ml.sample import FeatureView, Sample
from pd4ml.tasks import Binary, Regression
from pd4ml.training import Recipe
from pd4ml.training.beside import graphs_of
from pd4ml.training.objectives import Quantities

RECIPE: dict[str, Any] = {
    "name": "decorrelated",
    "model": "fcn",
    "description": "",
    "reference": "",
    "learning_rate": 1e-2,
    "batch_size": 1024,
    "max_epochs": 1,
    "patience": 100,
    "min_delta": 0.0,
    "schedule": {"kind": "one_cycle"},
    "hyperparameters": {"width": 20, "depth": 3},
}


def recipe(max_epochs: int = 1, **method: Any) -> Recipe:
    return Recipe.from_dict({**RECIPE, "max_epochs": max_epochs, "method": method})


def plain_distance_correlation(x: NDArray[Any], y: NDArray[Any], weight: NDArray[Any]) -> float:
    """The definition of arXiv:0803.4101, term by term."""
    n, w = len(x), weight / weight.sum()

    def covariance(first: NDArray[Any], second: NDArray[Any]) -> Any:
        centred = []
        for values in (first, second):
            a = [[float(np.linalg.norm(values[i] - values[j])) for j in range(n)] for i in range(n)]
            row = [sum(w[k] * a[i][k] for k in range(n)) for i in range(n)]
            mean = sum(w[i] * row[i] for i in range(n))
            centred.append([[a[i][j] - row[i] - row[j] + mean for j in range(n)] for i in range(n)])
        return sum(w[i] * w[j] * centred[0][i][j] * centred[1][i][j] for i in range(n) for j in range(n))

    return float(covariance(x, y) / np.sqrt(covariance(x, x) * covariance(y, y)))


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_distance_correlation_is_its_definition(n_columns: int, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=(12, 1))
    x = y**2 + rng.normal(size=(12, n_columns))
    weight = rng.gamma(2, size=12) if weighted else np.ones(12)
    given = torch.from_numpy(weight) if weighted else None
    found = distance_correlation(torch.from_numpy(x), torch.from_numpy(y), given)
    assert float(found) == pytest.approx(plain_distance_correlation(x, y, weight), rel=1e-12)


def test_distance_correlation_of_events_that_count_double() -> None:
    x, y = torch.randn(2, 9, dtype=torch.float64)
    weight = torch.tensor([2.0] * 4 + [1.0] * 5, dtype=torch.float64)
    twice = torch.cat([torch.arange(9), torch.arange(4)])
    torch.testing.assert_close(distance_correlation(x, y, weight), distance_correlation(x[twice], y[twice]))


def test_distance_correlation_knows_what_it_is_of() -> None:
    rng = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, 1000, dtype=torch.float64, generator=rng)
    assert float(distance_correlation(x, 3 - 2 * x)) == pytest.approx(1)
    assert float(distance_correlation(x, noise)) < 0.01
    assert float(distance_correlation(x, x**2)) > 0.2  # where the correlation of Pearson is 0
    assert float(distance_correlation(x, torch.ones_like(x))) == 0


def test_distance_correlation_has_the_right_gradient() -> None:
    x, y = torch.randn(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.autograd.gradcheck(lambda s: distance_correlation(s, y), x.requires_grad_())
    tied = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(distance_correlation(tied, y[:5]), tied)
    assert torch.isfinite(gradient).all()


def test_the_adversary_is_a_density() -> None:
    adversary = Adversary(2, 8, 5).double().eval()
    z = torch.linspace(-30, 30, 20_001, dtype=torch.float64)
    score = torch.randn(1, 2, dtype=torch.float64).expand(len(z), 2)
    density = (-adversary(score, z)).exp().detach().numpy()
    assert np.trapezoid(density, z.numpy()) == pytest.approx(1, abs=1e-3)
    unit = 0.5 * (z**2 + np.log(2 * np.pi))
    assert float(torch.trapezoid((-unit).exp() * unit, z)) == pytest.approx(NORMAL_ENTROPY, abs=1e-6)


def test_nuisances_go_in_by_rank_and_by_normal_score() -> None:
    rng = np.random.default_rng(3)
    z, target = rng.exponential(size=4000), rng.integers(0, 2, 4000)
    part = Quantities({"z": z}, target, Binary())
    ranks = Disco("z", classes=(1,)).prepare(part, part)["nuisance"]
    assert np.isnan(ranks).tolist() == (target == 0).tolist()
    n = int(target.sum())
    np.testing.assert_allclose(np.sort(ranks[target == 1]), (np.arange(n) + 0.5) / n)
    part = Quantities({"z": np.floor(z)}, target, Binary())  # whole numbers have all scores, too
    scores = Pivot("z").prepare(part, part)["nuisance"]
    assert np.isnan(scores).tolist() == (target == 1).tolist()
    assert np.nanmean(scores) == pytest.approx(0, abs=0.05)
    assert np.nanstd(scores) == pytest.approx(1, abs=0.05)
    values = Quantities({"z": z}, rng.normal(size=4000), Regression())
    assert not np.isnan(Disco("z").prepare(values, values)["nuisance"]).any()


def test_planing_gives_all_classes_one_distribution() -> None:
    rng = np.random.default_rng(4)
    target = rng.integers(0, 2, 20_000)
    mass = rng.normal(100 + 30 * target, 30)
    part = Quantities({"mass": mass}, target, Binary())
    weight = Planing("mass").prepare(part, part)["planing"]
    assert (weight[target == 1] == 1).all()
    assert weight[target == 0].mean() == pytest.approx(1)
    edges = np.quantile(mass[target == 1], np.linspace(0, 1, 21)[1:-1])
    bins = np.searchsorted(edges, mass)
    of_0, of_1 = (np.bincount(bins[target == k], weight[target == k]) for k in (0, 1))
    np.testing.assert_allclose(of_0 / of_0.sum(), of_1 / of_1.sum(), rtol=1e-6)


def test_what_cannot_be_trained_is_refused_in_a_line(tmp_path: Path) -> None:
    for method, said in (
        ({"kind": "disco"}, "method.nuisance of disco must be the name of a quantity"),
        ({"kind": "disco", "nuisance": "z", "strength": -1}, "method.strength of disco must be at least 0"),
        ({"kind": "pivot", "nuisance": "z", "classes": 1}, "method.classes of pivot must be a list of labels"),
        ({"kind": "pivot", "nuisance": "z", "width": 0}, "method.width of pivot must be at least 1"),
        ({"kind": "planing"}, "method.quantity of planing must be the name"),
        ({"kind": "parametrised"}, "method.nuisance of parametrised must be the name of a quantity"),
        ({"kind": "parametrised", "nuisance": "z", "at": "1"}, "method.at of parametrised must be a number"),
    ):
        with pytest.raises(DataError, match=said):
            recipe(**method)
    for dataset in (Nodes, Values, Classes):
        dataset.generate(tmp_path, 60, seed=1, workers=1)
    with pytest.raises(DataError, match="disco is for classes or values of events, and LearnNodes has none"):
        train(Nodes.at(tmp_path, source="generated"), recipe(kind="disco", nuisance="n_points"), tmp_path)
    with pytest.raises(DataError, match="planing is for classes of events, and LearnValues is a regression"):
        train(Values.at(tmp_path, source="generated"), recipe(kind="planing", quantity="x"), tmp_path)
    with pytest.raises(DataError, match=r"method.nuisance of parametrised is made of \w+, the target itself"):
        told = recipe(kind="parametrised", nuisance=f"2 * {Values.card.target.name}")
        train(Values.at(tmp_path, source="generated"), told, tmp_path)
    with pytest.raises(DataError, match="n_points - n_points is the same for all training events"):
        same = recipe(kind="parametrised", nuisance="n_points - n_points")
        train(Classes.at(tmp_path, source="generated"), same, tmp_path)
    with pytest.raises(DataError, match=r"no event of the training part is of method.classes"):
        three = recipe(kind="disco", nuisance="n_points", classes=[7])
        train(Classes.at(tmp_path, source="generated"), three, tmp_path)
    with pytest.raises(UnknownNameError, match=r"n_point.*n_points"):
        train(Classes.at(tmp_path, source="generated"), recipe(kind="disco", nuisance="n_point"), tmp_path)


@pytest.mark.parametrize("dataset", [Classes, Values, Weighted])
@pytest.mark.parametrize("kind", ["disco", "pivot"])
def test_all_kinds_of_targets_are_trained(dataset: Any, kind: str, tmp_path: Path) -> None:
    dataset.generate(tmp_path, 200, seed=1, workers=1)
    method = {"kind": kind, "nuisance": "n_points", "classes": [0, 1]}
    run = train(dataset.at(tmp_path, source="generated"), recipe(2, **method), tmp_path)
    assert run.record.method["nuisance"] == "n_points"
    if kind == "pivot":
        assert run.record.epochs == {"trained": 2, "best": 2}


def test_the_model_waits_for_the_adversary(tmp_path: Path) -> None:
    """An epoch has one batch here: in two of them a model that steps in every third never does."""
    Weighted.generate(tmp_path, 200, seed=1, workers=1)
    sample = Weighted.at(tmp_path, source="generated")
    outputs = [
        train(sample, recipe(2, kind="pivot", nuisance="n_points", steps=steps), tmp_path).predict(sample).output
        for steps in (1, 3, 5)
    ]
    np.testing.assert_array_equal(outputs[1], outputs[2])
    assert np.abs(outputs[0] - outputs[1]).max() > 0


def test_planing_trains_weighted_events(tmp_path: Path) -> None:
    Weighted.generate(tmp_path, 200, seed=1, workers=1)
    run = train(Weighted.at(tmp_path, source="generated"), recipe(2, kind="planing", quantity="y"), tmp_path)
    assert run.record.method == {"kind": "planing", "quantity": "y", "like": 1}


def train(sample: Sample, with_recipe: Recipe, path: Path, seed: int = 1) -> Run:
    return pd4ml.train(sample, with_recipe, seed=seed, runs_dir=path / "runs", threads=1)


def test_the_optimum_of_the_toy_is_what_was_derived() -> None:
    x, label, _ = toy_events(400_000, seed=5)
    assert auc(best_score(x), label) == pytest.approx(0.8589, abs=0.002)
    assert auc(best_pivot(x), label) == pytest.approx(0.7638, abs=0.002)
    assert largest_ks([best_pivot(toy_events(100_000, 6 + i, z)[0]) for i, z in enumerate((-1, 0, 1))]) < 0.01
    assert largest_ks([best_score(toy_events(100_000, 6 + i, z)[0]) for i, z in enumerate((-1, 0, 1))]) > 0.2


def trained_on_toy(path: Path, max_epochs: int = 20, **method: Any) -> tuple[float, float]:
    """AUC of events of all z, and the largest KS between z of -1, 0 and 1, of a network in a short training."""
    changed = {**RECIPE, "learning_rate": 2e-2, "max_epochs": max_epochs}
    method = {"nuisance": "z", "classes": [1], **method}
    run = train(make_toy(path), Recipe.from_dict({**changed, "method": method}), path)
    every = every_toy(path)
    score = auc(run.predict(every).output, np.asarray(every.open("test").y))
    return score, largest_ks([run.predict(sample).output for sample in shifted_toys(path)])


def test_on_the_toy_distance_correlation_comes_near_the_optimum(tmp_path: Path) -> None:
    score, ks = trained_on_toy(tmp_path, max_epochs=30, kind="disco", strength=6.5)
    assert ks <= 0.03
    assert score >= 0.785


def test_on_the_toy_a_network_that_is_told_the_nuisance_comes_near_what_can_be_known(tmp_path: Path) -> None:
    changed = {**RECIPE, "max_epochs": 10, "method": {"kind": "parametrised", "nuisance": "z"}}
    run = train(make_toy(tmp_path), Recipe.from_dict(changed), tmp_path)
    every = every_toy(tmp_path)
    events = every.open("test")
    label = np.asarray(events.y)
    best = auc(best_given(np.asarray(events["x"]), np.asarray(events["z"])), label)
    assert best > auc(best_score(np.asarray(events["x"])), label) + 0.02
    assert best - 0.003 < auc(run.predict(every).output, label) <= best
    _, _, at_1 = shifted_toys(tmp_path)
    own = load_run(run.folder).predict(at_1).output
    np.testing.assert_array_equal(own, run.predict(at_1).output)
    for at, same in ((1.0, True), (0.0, False)):
        run.fitted.view = replace(run.view, beside={"z": {**run.view.beside["z"], "at": at}})
        assert np.array_equal(run.predict(at_1).output, own) == same


def test_nodes_carry_what_a_network_is_told(tmp_path: Path) -> None:
    for dataset in (Classes, Values, Nodes):
        dataset.generate(tmp_path, 100, seed=1, workers=1)
        sample = dataset.at(tmp_path, source="generated")
        told_3 = {"model": "graph_net", "method": {"kind": "parametrised", "nuisance": "n_points", "at": 3}}
        run = train(sample, Recipe.from_dict({**RECIPE, **told_3, "hyperparameters": {}}), tmp_path)
        events, fit = sample.open("train"), run.view.beside["n_points"]
        plain = sample.graphs("train", run.view)[5:9]
        told = graphs_of(dataset, run.view, events)[5:9]
        own = graphs_of(dataset, run.view, events, own=True)[5:9]
        np.testing.assert_array_equal(told.nodes[:, :-1], plain.nodes)
        np.testing.assert_allclose(told.nodes[:, -1], (3 - fit["mean"]) / fit["spread"], rtol=1e-6)
        expected = (np.asarray(events["n_points"])[5:9] - fit["mean"]) / fit["spread"]
        np.testing.assert_allclose(own.nodes[:, -1], np.repeat(expected, plain.sizes), rtol=1e-6)
        assert FeatureView.from_json(run.view.to_json()).sha256 == run.view.sha256
        assert run.view.sha256 != sample.view().sha256


@pytest.mark.slow
def test_on_the_toy_no_strength_is_none_and_much_of_it_is_not_above_the_optimum(tmp_path: Path) -> None:
    score, ks = trained_on_toy(tmp_path, kind="disco", strength=0.0)
    assert score == pytest.approx(0.8589, abs=0.003)
    assert ks == pytest.approx(0.26, abs=0.02)
    score, ks = trained_on_toy(tmp_path, kind="disco", strength=20.0)
    assert ks <= 0.03
    assert 0.73 < score < 0.785  # a pivot has 0.7638 at most, and at this KS some more is possible
