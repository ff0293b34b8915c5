"""Every kind of task from events to metrics: truth, predictions and their files, submissions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.kinds import PLACES, ToyClasses, ToyNodes, ToyVectors, outputs_of
from helpers.toy import Toy
from pd4ml.card import Task
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.evaluation import Predictions, metrics
from pd4ml.evaluation.submission import read_submission
from pd4ml.evaluation.truth import Truth, dataset_truth, event_weights, file_truth
from pd4ml.storage.store import Events

KINDS = (ToyClasses, ToyVectors, ToyNodes)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    for dataset in KINDS:
        dataset.generate(path, 1000)
    return path


def predicted(dataset: type[Dataset], data: Path, seed: int = 1) -> tuple[Truth, Predictions]:
    truth = dataset_truth(dataset, "test", data, source="generated")
    output = outputs_of(truth.task, truth.values, np.random.default_rng(seed))
    return truth, Predictions(truth.task, truth.event_id, output, truth.node)


def test_labels_of_nodes_are_those_that_are_no_padding(data: Path) -> None:
    truth, _ = predicted(ToyNodes, data)
    events = ToyNodes.open("test", data, source="generated")
    rows = [(i, p) for i in range(len(events)) for p in range(PLACES) if events.y[i, p] >= 0]
    assert truth.node is not None
    assert list(zip(truth.event_id.tolist(), truth.node.tolist(), strict=True)) == rows
    np.testing.assert_array_equal(truth.values, [events.y[row] for row in rows])
    assert truth.group is not None
    assert truth.weight is not None
    for array, name in ((truth.group, "pair"), (truth.weight, "event_weight")):
        np.testing.assert_array_equal(array, [events[name][i] for i, _ in rows])
    assert (truth.n_classes, truth.rows, truth.split) == (3, "nodes", "test")


@pytest.mark.parametrize("dataset", KINDS)
def test_metrics_know_of_weights_and_groups_in_whatever_order(dataset: type[Dataset], data: Path) -> None:
    truth, predictions = predicted(dataset, data)
    order = np.random.default_rng(2).permutation(len(truth))
    node = None if predictions.node is None else predictions.node[order]
    shuffled = Predictions(truth.task, predictions.event_id[order], predictions.output[order], node)
    expected = metrics(truth.task, predictions.output, truth.values, group=truth.group, weight=truth.weight)
    assert truth.metrics(shuffled) == expected
    plain = metrics(truth.task, predictions.output, truth.values, group=truth.group)
    name = "mse" if truth.task == "regression" else "accuracy"
    assert plain[name].value != expected[name].value


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", ["npz", "csv"])
@pytest.mark.parametrize("dataset", KINDS)
def test_what_is_written_can_be_submitted(dataset: type[Dataset], suffix: str, data: Path, tmp_path: Path) -> None:
    truth, predictions = predicted(dataset, data)
    file = tmp_path / f"p.{suffix}"
    predictions.write(file)
    found = read_submission(file, truth)
    np.testing.assert_array_equal(found.output, predictions.output)
    np.testing.assert_array_equal(found.event_id, predictions.event_id)
    assert found.n_events == 200
    if suffix == "npz":
        again = Predictions.read(file, truth.task)
        np.testing.assert_array_equal(again.output, predictions.output)
        np.testing.assert_array_equal(again.node, predictions.node)
    else:
        heading = file.read_text().partition("\n")[0]
        ids = "event_id,node" if dataset is ToyNodes else "event_id"
        name = "value" if dataset is ToyVectors else "logit"
        assert heading == f"{ids},{name}_0,{name}_1,{name}_2"


def test_two_classes_as_csv(tmp_path: Path) -> None:
    logit = np.random.default_rng(1).normal(size=70_000).astype(np.float32)
    predictions = Predictions("classification", np.arange(len(logit)) + 2**60, logit)
    predictions.write(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().startswith("event_id,logit,score\n1152921504606846976,")
    truth = Truth("classification", np.arange(len(logit)) % 2, predictions.event_id, "these", "0" * 64, 2)
    np.testing.assert_array_equal(read_submission(tmp_path / "p.csv", truth).output, logit)


def test_nodes_as_probabilities_of_two_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    event, node = np.repeat(np.arange(100), 4), np.tile(np.arange(4), 100)
    labels, p = rng.integers(0, 2, 400), rng.uniform(0.01, 0.99, 400)
    np.savez(tmp_path / "t.npz", event_id=event, node=node, label=labels, weight=rng.uniform(1, 2, 100)[event])
    truth = file_truth(tmp_path / "t.npz")
    assert (truth.task, truth.n_classes) == ("segmentation", 2)
    (tmp_path / "p.npz").write_bytes(npz(event_id=event, node=node, score=np.stack([1 - p, p], axis=1)))
    output = read_submission(tmp_path / "p.npz", truth).output
    np.testing.assert_allclose(output[:, 1] - output[:, 0], np.log(p / (1 - p)), atol=1e-5)
    in_order = tmp_path / "order.npy"
    np.save(in_order, np.stack([1 - p, p], axis=1))
    np.testing.assert_array_equal(read_submission(in_order, truth).output, output)


def nodes_with(data: Path, **changes: Any) -> bytes:
    truth, predictions = predicted(ToyNodes, data)
    arrays: dict[str, Any] = {"event_id": truth.event_id, "node": truth.node, "logit": predictions.output}
    arrays |= {name: change(arrays[name]) for name, change in changes.items()}
    return npz(**{name: array for name, array in arrays.items() if array is not None})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no node": ({"node": lambda a: None}, "labels of nodes: name them with event_id and node"),
    "no ids": (
        {"node": lambda a: None, "event_id": lambda a: None, "logit": lambda a: a[:-1]},
        r"nodes of split test .* give one for each node, in order",
    ),
    "unknown event": ({"event_id": lambda a: a + 1000}, "event ids are not those of"),
    "far node": ({"node": lambda a: a + 2**60}, "nodes are not those of .* for example 1152921504606846976"),
    "padding": ({"node": lambda a: np.where(np.arange(len(a)) == 0, PLACES - 1, a)}, "1 nodes are not those"),
    "twice": (
        {
            "node": lambda a: np.where(np.arange(len(a)) == 1, a[0], a),
            "event_id": lambda a: np.r_[a[0], a[0], a[2:]],
        },
        "1 nodes are there more than once, for example node 0 of event 0",
    ),
    "missing": (
        dict.fromkeys(("event_id", "node", "logit"), lambda a: a[:-1]),
        r"1 of the \d+ nodes of .* have no prediction, for example node \d of event 199",
    ),
    "fractions": ({"node": lambda a: a + 0.5}, "node must be whole numbers"),
    "one logit": ({"logit": lambda a: a[:, 0]}, r"needs predictions \(M, 3\), found \("),
    "labels": ({"logit": lambda a: np.eye(3)[a.argmax(axis=1)]}, "only 0 and 1: these are labels"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_of_nodes(case: str, data: Path, tmp_path: Path) -> None:
    changes, message = REFUSED[case]
    truth = dataset_truth(ToyNodes, "test", data, source="generated")
    events = ToyNodes.open("test", data, source="generated")
    if case == "padding" and events.y[0, PLACES - 1] >= 0:
        pytest.fail("the first event of the toy has no padding")
    (tmp_path / "p.npz").write_bytes(nodes_with(data, **changes))
    with pytest.raises(DataError, match=message) as caught:
        read_submission(tmp_path / "p.npz", truth)
    assert "\n" not in str(caught.value)


def test_vectors_of_another_length_are_refused(data: Path, tmp_path: Path) -> None:
    truth, predictions = predicted(ToyVectors, data)
    (tmp_path / "p.npz").write_bytes(npz(value=predictions.output[:, :2]))
    with pytest.raises(DataError, match=r"needs predictions \(N, 3\), found \(200, 2\)"):
        read_submission(tmp_path / "p.npz", truth)


def test_truth_of_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    vector = rng.normal(size=(50, 2))
    lines = [f"{a!r},{b!r},{1 + i}" for i, (a, b) in enumerate(vector.tolist())]
    (tmp_path / "t.csv").write_text("\n".join(["target_0,target_1,weight", *lines]))
    truth = file_truth(tmp_path / "t.csv")
    np.testing.assert_array_equal(truth.values, vector)
    np.testing.assert_array_equal(truth.weight, np.arange(1, 51))
    np.savez(tmp_path / "t.npz", target=vector)
    np.testing.assert_array_equal(file_truth(tmp_path / "t.npz").values, vector)
    label = np.arange(50) % 2
    for arrays, message in (
        ({"label": label, "node": label}, "labels of nodes need a column event_id"),
        ({"label": label, "node": 0 * label, "event_id": 0 * label}, "nodes .* must be whole numbers, each once"),
        ({"label": label, "weight": -1.0 - label}, "weights must be positive"),
        ({"target": vector[:, :0]}, "must be finite numbers"),
        ({"label": vector}, "must be finite numbers"),
    ):
        np.savez(tmp_path / "t.npz", **arrays)
        with pytest.raises(DataError, match=message):
            file_truth(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("task", "output", "node", "message"),
    [
        (
            "classification",
            np.zeros((3, 1)),
            None,
            r"must be \(N,\), or \(N, K\) of K > 1 classes, .* found \(3, 1\)",
        ),
        ("classification", np.zeros(4), None, r"of 3 rows, found \(4,\)"),
        ("classification", np.zeros(3), np.arange(3), "node of a classification must be left out"),
        ("regression", np.zeros((3, 2, 2)), None, r"\(N, D\) of D components"),
        (
            "segmentation",
            np.zeros((3, 2)),
            None,
            r"node of a segmentation must be whole numbers \(3,\), found None",
        ),
        ("segmentation", np.zeros(3), np.arange(3), r"\(M, K\) of K > 1 classes"),
        ("unlabelled", np.zeros(3), None, "expected a task with predictions.*found 'unlabelled'"),
    ],
)
def test_shapes_that_do_not_fit(task: Task, output: Any, node: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Predictions(task, np.arange(3), output, node)


def test_scores_are_of_classes(tmp_path: Path) -> None:
    logits = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], np.float32)
    score = Predictions("segmentation", np.array([4, 4]), logits, np.array([0, 1])).score
    assert score.sum(axis=1) == pytest.approx(1)
    assert score[0] == pytest.approx(np.exp(logits[0]) / np.exp(logits[0]).sum())
    values = Predictions("regression", np.arange(2), np.zeros(2, np.float32))
    with pytest.raises(DataError, match="no scores"):
        _ = values.score
    with pytest.raises(DataError, match=r"ends in \.npz or \.csv"):
        values.write(tmp_path / "p.txt")
    nodes = Predictions("segmentation", np.array([4, 4]), logits, np.array([0, 1]))
    nodes.write(tmp_path / "p.npz")
    with pytest.raises(DataError, match="its logits are those of nodes"):
        Predictions.read(tmp_path / "p.npz", "classification")


def test_weights_are_checked_and_named_by_the_card(data: Path) -> None:
    events = ToyClasses.open("test", data, source="generated")
    arrays = {name: np.array(array) for name, array in events.items()}
    arrays["event_weight"][3] = 0
    with pytest.raises(DataError, match=r"positive and finite, found 0\.0 at position 3"):
        event_weights(ToyClasses.card, Events(arrays, events.manifest, "test"))
    assert event_weights(Toy.card, events) is None
    assert "events count as their event_weight" in ToyClasses.card.describe()
    assert ToyClasses.card.published.weight == ""
