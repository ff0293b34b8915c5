"""Features, graphs and summaries of one's own events, each against a plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import pd4ml
from helpers.own_events import own_events
from pd4ml.own.features import fit, standardised
from pd4ml.sample import Sample
from pd4ml.storage.ragged import ragged

EVENTS = own_events(200)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    x = {"particles": EVENTS.particles, "met": EVENTS.met}
    graph = {"coordinates": ["eta", "phi"], "period": [0, 2 * np.pi], "k": 2}
    return pd4ml.own_data(x, EVENTS.label, tmp_path_factory.mktemp("own"), name="GraphJets", graph=graph)


def test_columns_are_standardised_with_the_train_split(sample: Sample) -> None:
    view = sample.view()
    train = sample.graphs("train", view).pack()
    real = train.nodes[np.repeat(train.sizes, train.sizes) > 1]
    assert abs(real[:, 1].mean()) < 0.05
    assert abs(real[:, 1].std() - 1) < 0.05
    fitted = view.values["columns"]["particles"]
    assert fitted[1]["scale"] == 0
    test = sample.open("test").take(slice(None))
    nodes = sample.graphs("test", view).pack()
    first = next(i for i, event in enumerate(test["particles"]) if len(event))
    row = nodes.nodes[nodes.offsets[first]]
    eta = float(test["particles"][first, 0, 1])
    assert row[1] == pytest.approx((eta - fitted[1]["centre"]) / fitted[1]["spread"], abs=1e-5)
    met = view.values["columns"]["event"][0]
    value = float(test["event"][first, 0])
    value = np.arcsinh(value / met["scale"]) if met["scale"] else value
    assert row[3] == pytest.approx((value - met["centre"]) / met["spread"], abs=1e-5)


def test_long_tails_are_tamed(sample: Sample) -> None:
    values = np.random.default_rng(0).standard_cauchy(5000).astype(np.float32)[:, None]
    layout = sample.dataset.layout
    spec = layout.card.array("event")
    assert spec.shape == (1,)
    arrays = {"particles": ragged(np.zeros((0, 3), np.float32), np.zeros(5001, np.int64)), "event": values}
    column = fit(arrays, layout)["event"][0]
    assert column["scale"] > 0
    assert np.abs(standardised(values.astype(np.float64), [column])).max() < 20


def test_edges_join_the_nearest_in_the_named_coordinates(sample: Sample) -> None:
    events = sample.open("train").take(slice(0, 30))
    graphs = sample.graphs("train")[:30]
    for place in range(30):
        points = np.asarray(events["particles"][place])[:, 1:]
        edges = {tuple(e) for e in (graphs[place].edge_index.T).tolist()}
        expected = set()
        for i in range(len(points)):
            delta = np.abs(points - points[i])
            delta[:, 1] = np.minimum(delta[:, 1], 2 * np.pi - delta[:, 1])
            order = [j for j in np.argsort((delta**2).sum(axis=1), kind="stable") if j != i][:2]
            expected |= {pair for j in order for pair in ((i, int(j)), (int(j), i))}
        assert edges == expected


def test_an_event_without_entries_is_a_node_of_its_numbers(sample: Sample) -> None:
    events = sample.open("train").take(slice(None))
    empty = int(np.flatnonzero(ak.num(events["particles"]) == 0)[0])
    graph = sample.graphs("train")[empty]
    assert graph.nodes.shape == (1, 4)
    assert (graph.nodes[0, :3] == 0).all()
    assert graph.nodes[0, 3] != 0


def test_several_sets_stand_side_by_side(tmp_path: Path) -> None:
    hits = ak.unflatten(np.arange(400.0), [2] * 200)
    x = {"particles": EVENTS.particles, "hits": ak.zip({"layer": hits})}
    sample = pd4ml.own_data(x, EVENTS.label, tmp_path, name="TwoSets", graph="none")
    graph = sample.graphs("train")[0]
    n = len(sample.open("train")[0]["particles"])
    assert graph.nodes.shape == (n + 2, 4 + 2)
    assert (graph.nodes[:, 4:].sum(axis=1) == 1).all()
    assert (graph.nodes[:n, 3] == 0).all()
    assert (graph.nodes[n:, :3] == 0).all()


def test_the_first_entries_are_kept_where_there_are_too_many(tmp_path: Path) -> None:
    x = {"particles": EVENTS.particles}
    sample = pd4ml.own_data(x, EVENTS.label, tmp_path, name="Cut", graph={"max_nodes": 3, "kind": "none"})
    whole = pd4ml.own_data(x, EVENTS.label, tmp_path, name="Whole", graph="none")
    cut, every = sample.graphs("test").pack(), whole.graphs("test").pack()
    assert cut.max_nodes == 3
    np.testing.assert_array_equal(cut.sizes, np.minimum(every.sizes, 3))
    np.testing.assert_array_equal(cut.nodes[: cut.offsets[1]], every.nodes[: cut.offsets[1]])


def test_images_become_grids(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((50, 4, 6))
    sample = pd4ml.own_data(images, np.arange(50) % 2, tmp_path, name="Images", graph="grid")
    graphs = sample.graphs("train")[:3]
    assert graphs.grid == (4, 6)
    assert graphs.nodes.shape == (3 * 24, 1)
    names, values = sample.dataset.summary_features(sample.open("train").take(slice(None)))
    total = names.index("x: total")
    np.testing.assert_allclose(values[:, total], sample.open("train")["x"][:].sum(axis=(1, 2)), rtol=1e-5)


def test_summaries_are_those_of_plain_loops(sample: Sample) -> None:
    events = sample.open("train").take(slice(None))
    found: dict[str, Any] = sample.dataset.summary(events)
    for place, event in enumerate(events["particles"]):
        rows = np.asarray(event, np.float64)
        expected = {
            "particles: entries": len(rows),
            "particles pt: sum": rows[:, 0].sum(),
            "particles pt: mean": rows[:, 0].mean() if len(rows) else 0,
            "particles eta: spread": rows[:, 1].std() if len(rows) else 0,
            "particles phi: least": rows[:, 2].min() if len(rows) else 0,
            "particles phi: largest": rows[:, 2].max() if len(rows) else 0,
            "particles pt: entry 2": rows[1, 0] if len(rows) > 1 else 0,
        }
        for name, value in expected.items():
            assert found[name][place] == pytest.approx(value, abs=1e-9), name
    np.testing.assert_array_equal(found["event met"], events["event"][:, 0])
