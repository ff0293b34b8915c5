"""Tables, curves, pictures and pages of K classes, vectors and labels of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from helpers.kinds import CLASSES, ToyClasses, ToyNodes, ToyVectors, run_of
from pd4ml.benchmark.record import Record
from pd4ml.dataset import Dataset
from pd4ml.report import panels, ranking, table
from pd4ml.report.comparison import by_class, compare
from pd4ml.report.curves import (
    SIGNAL_EFFICIENCY,
    against_rest,
    component,
    confusion,
    confusion_shares,
    roc_band,
)
from pd4ml.report.examples import plot_dataset
from pd4ml.report.groups import sections
from pd4ml.report.html import write_report
from pd4ml.report.render import to_markdown
from pd4ml.report.runs import Outputs, read_outputs
from pd4ml.report.style import house_style

KINDS = (ToyClasses, ToyVectors, ToyNodes)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinds")
    for dataset in KINDS:
        dataset.generate(path, 600)
    return path


@pytest.fixture(scope="module")
def records(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Record]]:
    folder = tmp_path_factory.mktemp("runs")
    trained = (("fcn", 1), ("fcn", 2), ("graph_net", 1))
    return {d.name: [run_of(d, events, folder / f"{d.name}{r}{s}", r, s) for r, s in trained] for d in KINDS}


def sample(n: int, seed: int, k: int = 4) -> Outputs:
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(0, k, n - k), np.arange(k))
    return Outputs(rng.normal(size=(n, k)) + 2 * np.eye(k)[truth], truth, weight=rng.exponential(size=n))


def test_confusion_is_that_of_scikit_learn() -> None:
    one = sample(2000, 1)
    chosen = one.output.argmax(axis=1)
    np.testing.assert_array_equal(confusion([one], 4), sk.confusion_matrix(one.truth, chosen))
    expected = sk.confusion_matrix(one.truth, chosen, sample_weight=one.weight, normalize="true")
    np.testing.assert_allclose(confusion_shares([one, one], 4), expected)


def test_curves_of_a_class_against_the_rest_are_those_of_scikit_learn() -> None:
    one = sample(3001, 2)
    p = np.exp(one.output) / np.exp(one.output).sum(axis=1, keepdims=True)
    fpr, tpr, _ = sk.roc_curve(one.truth == 2, p[:, 2], sample_weight=one.weight, drop_intermediate=False)
    found = roc_band(against_rest([one], 2)).background
    np.testing.assert_allclose(found[:-1], np.interp(SIGNAL_EFFICIENCY, tpr, fpr)[:-1], atol=2e-3)


def test_components_keep_weights_and_groups() -> None:
    one = Outputs(np.arange(6.0).reshape(3, 2), np.zeros((3, 2)), np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]))
    (second,) = component([one], 1)
    np.testing.assert_array_equal(second.output, [1, 3, 5])
    assert second.group is one.group
    assert second.weight is one.weight


def text_of(picture: Any) -> str:
    assert picture.pdf.startswith(b"%PDF")
    assert picture.png.startswith(b"\x89PNG")
    return str(picture.svg)


@pytest.mark.parametrize("k", [3, 10, 30])
def test_pictures_of_classes(k: int) -> None:
    classes = [f"kind{i}" for i in range(k)]
    outputs = {"fcn": [sample(600, 1, k), sample(600, 2, k)], "graph_net": [sample(600, 3, k)]}
    n_panels = min(k, 12)
    with house_style():
        bands = panels.bands_of_classes(outputs, k)
        for draw in (panels.rejection_by_class, panels.roc_by_class):
            picture = draw("x", bands, classes)
            text = text_of(picture)
            assert all((f">{name}<" in text) == (i < n_panels) for i, name in enumerate(classes))
            assert text.count(">graph_net<") == 1
            assert picture.wide
            assert (f"The first 12 of {k} classes" in picture.caption) == (k > 12)
        scores = panels.scores_by_class("s", "fcn", outputs["fcn"], classes)
        assert (">all others<" in text_of(scores)) == (k > 4)
        matrix = text_of(panels.confusion_matrix("c", "fcn", outputs["fcn"], classes))
    assert all(f">{name}<" in matrix for name in classes)
    if k == 3:
        share = confusion_shares(outputs["fcn"], 3)
        assert f"{100 * share[1, 2]:.1f} %" in matrix


@pytest.mark.parametrize("dataset", KINDS)
def test_outputs_are_read_with_their_truth(dataset: type[Dataset], events: Path, records: Any) -> None:
    record = records[dataset.name][0]
    test = dataset.open("test", events, source="generated")
    found = read_outputs(record, dataset.card, test)
    assert isinstance(found, Outputs)
    assert found.weight is not None
    name, value = "accuracy", 0.0
    if dataset is ToyVectors:
        name, value = "mse", sk.mean_squared_error(found.truth, found.output, sample_weight=found.weight)
    else:
        value = sk.accuracy_score(found.truth, found.output.argmax(axis=1), sample_weight=found.weight)
    assert record.metrics[name].value == pytest.approx(value)


def test_outputs_of_other_events_are_refused(events: Path, records: Any) -> None:
    test = ToyNodes.open("train", events, source="generated")
    found = read_outputs(records["ToyNodes"][0], ToyNodes.card, test)
    assert isinstance(found, str)
    assert "of fcn, seed 1 are not those of the events" in found


EXPECTED = {
    "ToyClasses": ["ACC", "AUC (macro)", "1/eps_B(0.3) (macro)", "1/eps_B(0.5) (macro)", "1/eps_B(0.8) (macro)"],
    "ToyVectors": ["MSE", "MAE"],
    "ToyNodes": ["ACC", "efficiency (macro)", "purity (macro)", "IoU (macro)"],
}


@pytest.mark.parametrize("dataset", KINDS)
def test_tables_have_columns_for_every_kind(dataset: type[Dataset], records: Any) -> None:
    heading, _, *rows = table.to_markdown(records[dataset.name]).splitlines()
    names = [name.strip() for name in heading.strip("| ").split(" | ")]
    assert names == ["dataset", "model", "events", "epochs", *EXPECTED[dataset.name], "seed", "training"]
    assert len(rows) == 2
    (section,) = sections(records[dataset.name])
    page = [column.heading for column in compare(section, ()).columns]
    if dataset is ToyVectors:
        assert page[2:] == [
            *("MSE [(mm)²]", "MAE [mm]"),
            *(f"{name} {d} [mm]" for d in range(3) for name in ("bias", "resolution")),
        ]
        assert rows[0].count(" mm |") == 1
        assert by_class(section, ()) is None
        return
    assert page[-1] in ("calibration error", "IoU (macro)")
    classes = by_class(section, CLASSES)
    assert classes is not None
    assert [(row.name, row.cells[0].text) for row in classes.rows[:4]] == [
        *(("fcn", name) for name in CLASSES),
        ("graph_net", "up"),
    ]
    name = "iou_class_1" if dataset is ToyNodes else "auc_class_1"
    values = [record.metrics[name].value for record in records[dataset.name][:2]]
    at = [column.heading for column in classes.columns].index("IoU" if dataset is ToyNodes else "AUC")
    assert classes.rows[1].cells[at].order == pytest.approx(np.mean(values))
    assert "| fcn | down |" in to_markdown(classes)


@pytest.mark.parametrize("dataset", KINDS)
def test_every_kind_is_ranked(dataset: type[Dataset], records: Any) -> None:
    (section,) = sections(records[dataset.name])
    places = ranking.rank(section)
    assert [place.group.label for place in places] == ["fcn", "graph_net"]  # of less noise
    assert "fcn" in ranking.to_markdown(records[dataset.name])


PICTURES = {
    "ToyClasses": (
        "Background rejection of each class",
        "ROC curves of each class",
        "Scores of fcn",
        "Confusion matrix",
        "How often events are of the class",
    ),
    "ToyVectors": ("Residuals of each component", "Bias and resolution of each component"),
    "ToyNodes": ("Numbers of each class", "Confusion matrix of graph_net", "How often events are of the class"),
}


@pytest.mark.parametrize("dataset", KINDS)
def test_pages(dataset: type[Dataset], events: Path, records: Any, tmp_path: Path) -> None:
    write_report(records[dataset.name], tmp_path / "out.html", events)
    text = (tmp_path / "out.html").read_text()
    for caption in PICTURES[dataset.name]:
        assert caption in text
    assert ("Class by class" in text) == (dataset is not ToyVectors)
    assert '<p class="note">' not in text
    assert 'class="wide"' in text


@pytest.mark.parametrize("dataset", KINDS)
def test_events_of_every_kind_are_drawn(dataset: type[Dataset], events: Path, tmp_path: Path) -> None:
    train, test = (dataset.open(split, events, source="generated") for split in ("train", "test"))
    plot_dataset(dataset, train, test, 1, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    kinds = {"ToyClasses": CLASSES, "ToyVectors": ("vertex low", "vertex high"), "ToyNodes": ("event",)}
    assert all(f">{kind}" in text for kind in kinds[dataset.name])
