"""What objects say of themselves: one short line with the facts that matter, and a short table in a notebook."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.records import example_record
from helpers.toy import Toy
from pd4ml import TopTagging
from pd4ml.benchmark.run import Run
from pd4ml.card import Measurement
from pd4ml.evaluation import Predictions
from pd4ml.evaluation.truth import dataset_truth
from pd4ml.graphs import PackedGraphs
from pd4ml.models.batch import GraphBatch
from pd4ml.sample import FeatureView
from pd4ml.storage.store import Store
from pd4ml.training import load_recipe

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("data")
    store = Toy.generate(path, 200)
    sample = Toy.at(path, source="generated")
    graphs = sample.graphs("test")
    record = example_record(folder=path)
    many = {f"auc_class_{k}": Measurement(0.9, 0.01) for k in range(60)}
    ids, logits = np.arange(5000), np.zeros((5000, 4), np.float32)
    grid = dataclasses.replace(graphs[0], grid=(5, 1), tokens=np.zeros(5, np.int64), n_tokens=7)
    return {
        "card": TopTagging.card,
        "measurement": Measurement(0.968123, 0.001234),
        "limit": Measurement(667.6, None, lower_limit=True),
        "record": record,
        "record of many classes": dataclasses.replace(record, metrics=many),
        "run": Run(record),
        "sample": sample,
        "part": sample.subset(0.5),
        "events": sample.open("train"),
        "manifest": sample.manifest,
        "store": Store(store.folder),
        "graph": graphs[0],
        "graphs": graphs[:7],
        "grid": grid,
        "no graphs": graphs[:0],
        "lazy graphs": graphs,
        "nodes alone": graphs.without_edges()[:2],
        "batch": GraphBatch.from_packed(graphs[:7]),
        "predictions": Predictions("classification", ids, logits),
        "truth": dataset_truth(Toy, "test", path, source="generated"),
        "recipe": load_recipe("fcn"),
        "trees": load_recipe("gbdt"),
        "features": FeatureView("Toy", {f"mean_{k}": list(range(1000)) for k in range(50)}, "0" * 64),
    }


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("card", ("TopTagging", "classification", "1,614,000 train")),
        ("measurement", ("0.9681 ± 0.0012",)),
        ("limit", ("> 700",)),
        ("record", ("fcn", "Toy", "seed 1", "auc 0.9681 ± 0.0012")),
        ("record of many classes", ("fcn", "Toy")),
        ("run", ("fcn", "Toy", "seed 1", "auc 0.9681 ± 0.0012")),
        ("sample", ("Toy", "generated")),
        ("part", ("Toy", "a part")),
        ("events", ("160", "Toy", "train")),
        ("manifest", ("Toy", "160 train", "40 test", "fingerprint")),
        ("store", ("Toy", "160 train")),
        ("graph", ("graph: ", "nodes (5, 2) float32")),
        ("graphs", ("7 graphs", "nodes (35, 2)", "edges ")),
        ("grid", ("grid 5 x 1", "kinds of nodes 7")),
        ("no graphs", ("0 graphs",)),
        ("lazy graphs", ("40 generated Toy events",)),
        ("nodes alone", ("2 graphs", "edges left out")),
        ("batch", ("7 graphs", "(35, 2)", "cpu")),
        ("predictions", ("classification", "5,000 events", "logit (5000, 4)")),
        ("truth", ("Toy", "classification", "40 events")),
        ("recipe", ("fcn", "300 epochs", "batch size 256")),
        ("trees", ("gbdt", "1,000 trees", "learning rate 0.05")),
        ("features", ("Toy", "mean_0")),
    ],
)
def test_a_repr_is_one_short_line(name: str, facts: tuple[str, ...], objects: dict[str, Any]) -> None:
    text = repr(objects[name])
    limit = 200 + len(str(getattr(objects[name], "path", getattr(objects[name], "folder", ""))))
    assert len(text) <= limit
    assert "\n" not in text
    assert [fact for fact in facts if fact not in text] == []
    assert str(objects[name]) == text


def test_trees_have_no_batches() -> None:
    text = repr(load_recipe("gbdt"))
    assert not [word for word in ("batch", "adam", "32", "epochs") if word in text]


def hostile(kind: str) -> Any:
    card = dataclasses.replace(TopTagging.card, title=HOSTILE, licence=HOSTILE, classes=(HOSTILE, HOSTILE))
    record = example_record(
        dataset={**example_record().dataset, "name": HOSTILE},
        recipe={**example_record().recipe, "name": HOSTILE},
        metrics={HOSTILE: Measurement(1.0, 0.1)},
        folder=Path(HOSTILE),
    )
    return {"card": card, "record": record, "run": Run(record), "sample": TopTagging.at(HOSTILE)}[kind]


@pytest.mark.parametrize("kind", ["card", "record", "run", "sample"])
def test_names_from_outside_are_no_markup(kind: str) -> None:
    text = hostile(kind)._repr_html_()
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "\x1b" not in text
    if kind != "card":
        assert "\x1b" not in repr(hostile(kind))


@pytest.mark.parametrize(
    "name", ["card", "record", "run", "sample", "part", "events", "graph", "graphs", "no graphs"]
)
def test_a_notebook_shows_a_short_table_in_its_own_style(name: str, objects: dict[str, Any]) -> None:
    text = objects[name]._repr_html_()
    assert text.count("<table>") == text.count("</table>") == 1
    assert 1 <= text.count("<tr>") <= 15
    assert len(text) < 4000
    assert not [style for style in ("color", "background:", "<style", "class=", "http") if style in text]


def test_a_graph_knows_itself() -> None:
    graphs = PackedGraphs(np.zeros((3, 2), np.float32), np.array([[1, 0], [0, 1]]), np.array([0, 2, 3]), 5)
    assert repr(graphs) == "<2 graphs: nodes (3, 2) float32, edges 2, nodes of a graph 1 to 2>"
