"""Columns with the names of other tools, those that a user names, truths of either kind, and hints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.submitted import (
    LABELS,
    LOGIT,
    ORDER,
    RNG,
    SCORE,
    TRUTH,
    WRITERS,
    N,
    P,
    pd,
    read,
    same,
    to_csv,
    to_npz,
    to_parquet,
)
from pd4ml.card import Measurement, Task
from pd4ml.errors import DataError
from pd4ml.evaluation import Predictions
from pd4ml.evaluation.hints import hints
from pd4ml.evaluation.names import parse_columns
from pd4ml.evaluation.truth import Truth, file_truth

OUTPUTS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    **{
        name: (lambda name=name: {name: SCORE}, f"column {name!r} is read as score")  # type: ignore[misc]
        for name in (
            "prediction",
            "pred",
            "preds",
            "y_pred",
            "y_score",
            "prob",
            "proba",
            "Probs",
            "output",
            "y-hat",
        )
    },
    "logits": (lambda: {"Logits": LOGIT}, "column 'Logits' is read as logit"),
    "numbered": (lambda: {"prob_0": P[:, 0], "prob_1": P[:, 1]}, "column 'prob_1' is read as score_1"),
    "weaver": (
        lambda: {
            "score_label_QCD": P[:, 0],
            "score_label_Top": P[:, 1],
            "label_Top": LABELS,
            "label_QCD": 1 - LABELS,
        },
        "column 'score_label_Top' is read as score_1",
    ),
    "weaver, one": (lambda: {"score_Top": SCORE, "label_Top": LABELS}, "column 'score_Top' is read as score"),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("case", OUTPUTS)
def test_predictions_of_other_tools(
    case: str, writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns, said = OUTPUTS[case]
    same(read(WRITERS[writer](pd.DataFrame(columns()), tmp_path)))
    assert said in capsys.readouterr().err


def test_the_npz_of_particle_net(tmp_path: Path) -> None:
    one_hot = np.eye(2, dtype=int)[LABELS]
    np.savez(tmp_path / "p.npz", prediction=P, pid=one_hot, jet_pt=SCORE)
    same(read(tmp_path / "p.npz"))
    np.savez(tmp_path / "p.npz", prediction=P[ORDER], pid=one_hot[ORDER])
    with pytest.raises(
        DataError, match=r"column 'pid' is not the truth .* in \d+ of 200 rows: the rows are in another"
    ):
        read(tmp_path / "p.npz")
    np.savez(tmp_path / "p.npz", prediction=P, pid=RNG.choice([11, -11, 211], N))
    same(read(tmp_path / "p.npz"))
    np.savez(tmp_path / "p.npz", prediction=0.9 * P)
    with pytest.raises(DataError, match="must sum to 1"):
        read(tmp_path / "p.npz")


DOUBTS: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "two": (
        {"pred": SCORE, "prob": SCORE},
        None,
        "in doubt between pred, prob: say which with --columns score=NAME",
    ),
    "alike": ({"pred": SCORE, "Pred": SCORE}, None, "in doubt between pred, Pred"),
    "classes": ({"score_Higgs": SCORE}, None, r"which class are score_Higgs of\? \(its classes: QCD, top\)"),
    "other class": ({"score_QCD": SCORE}, None, r"which class are score_QCD of\?"),
    "no such": ({"a": SCORE}, "score=b", "has no column 'b'; its columns: a"),
    "no ids": ({"score": SCORE}, "event_id=id", "has no column 'id'; its columns: score"),
    "of a truth": ({"a": SCORE}, "label=a", "has no use for label=a: split test of Toy is a classification"),
    "rounded": ({"score": np.round(SCORE, 2)}, None, "rounded to multiples of 0.01, so that .* are tied"),
    "rounded, float32": ({"score": np.round(SCORE, 2).astype(np.float32)}, None, "multiples of 0.01"),
    "rounded logits": ({"logit": np.round(LOGIT, 1)}, None, "multiples of 0.1"),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_columns_in_doubt(case: str, tmp_path: Path) -> None:
    columns, given, message = DOUBTS[case]
    with pytest.raises(DataError, match=message) as caught:
        read(to_npz(pd.DataFrame(columns), tmp_path), columns=given)
    assert "\n" not in str(caught.value)


def test_rounding_that_ties_few_is_no_harm(tmp_path: Path) -> None:
    for scores in (np.round(SCORE, 6), np.round(SCORE, 6).astype(np.float32)):
        assert len(read(to_npz(pd.DataFrame({"score": scores}), tmp_path))) == N
    few = Truth("classification", np.arange(20) % 2, np.arange(20), "few", "0" * 64, 2)
    assert len(read(to_npz(pd.DataFrame({"score": np.round(SCORE[:20], 2)}), tmp_path), few)) == 20


def test_the_user_says_which_column_is_which(tmp_path: Path) -> None:
    frame = pd.DataFrame({"score": 0 * SCORE, "mine": SCORE[ORDER], "number": ORDER, "id": ORDER[::-1]})
    same(read(to_csv(frame, tmp_path), columns="score=mine, event_id=number"))
    same(read(to_parquet(frame.rename(columns={"mine": "Mine"}), tmp_path), columns="score=mine,event_id=NUMBER"))
    np.save(tmp_path / "p.npy", SCORE)
    with pytest.raises(DataError, match="does not name its columns"):
        read(tmp_path / "p.npy", columns="score=a")
    frame = pd.DataFrame({"q": P[:, 0], "t": P[:, 1]})
    same(read(to_csv(frame, tmp_path), columns="score_0=q,score_1=t"))


@pytest.mark.parametrize("text", ["score", "points=a", "score=a,score=b", "score_x=a", ","])
def test_columns_that_mean_nothing(text: str) -> None:
    with pytest.raises(DataError, match="--columns takes KEY=NAME") as caught:
        parse_columns(text)
    assert "\n" not in str(caught.value)


TRUTH_FILES: dict[str, tuple[dict[str, Any], dict[str, str], Task, int]] = {
    "y of -1 and 1": ({"y": 2 * LABELS - 1}, {}, "classification", 2),
    "y of floats": ({"y": 2.0 * LABELS - 1}, {}, "classification", 2),
    "label": ({"label": 2 * LABELS - 1}, {}, "classification", 2),
    "labels": ({"labels": LABELS}, {}, "classification", 2),
    "is_signal_new": ({"is_signal_new": LABELS}, {}, "classification", 2),
    "classes": ({"y_true": np.arange(N) % 5}, {}, "classification", 5),
    "booleans": ({"y": LABELS == 1}, {}, "classification", 2),
    "values": ({"y": LOGIT}, {}, "regression", 0),
    "many whole values": ({"y": 3 * np.arange(N)}, {}, "regression", 0),
    "target": ({"target": LABELS}, {}, "regression", 0),
    "said to be labels": ({"foo": LABELS, "y": LOGIT}, {"label": "foo"}, "classification", 2),
    "said to be values": ({"y": 1 + LABELS}, {"target": "y"}, "regression", 0),
}


@pytest.mark.parametrize("case", TRUTH_FILES)
def test_what_a_truth_is(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, given, task, n_classes = TRUTH_FILES[case]
    np.savez(tmp_path / "t.npz", **columns)
    truth = file_truth(tmp_path / "t.npz", columns=given)
    assert (truth.task, truth.n_classes) == (task, n_classes)
    if n_classes == 2:
        np.testing.assert_array_equal(truth.values, LABELS)
    said = capsys.readouterr().err
    assert ("read as the labels 0 and 1" in said) == (n_classes == 2 and min(next(iter(columns.values()))) == -1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": 1 + LABELS}, r"y \(1, 2\) may be labels or values: .* or say --columns target=y"),
        ({"truth": np.arange(N) % 3 - 1}, r"truth \(-1, 0, 1\) may be labels or values"),
        ({"label": 1 + LABELS}, "labels must be whole numbers from 0"),
        ({"ttv": LABELS}, "a truth needs a column label or target or truth or y; found ttv"),
        ({"label": LABELS, "target": LOGIT}, "one column of labels or values, found label, target"),
    ],
)
def test_truths_in_doubt(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **columns)
    with pytest.raises(DataError, match=message):
        file_truth(tmp_path / "t.npz")


def test_scores_of_the_other_class_get_a_hint() -> None:
    (line,) = hints(TRUTH.metrics(read_as(-LOGIT)), TRUTH.classes)
    assert "look like scores of class 0" in line
    assert "probability of class 1 (top)" in line
    assert hints(TRUTH.metrics(read_as(LOGIT)), TRUTH.classes) == []
    assert hints(TRUTH.metrics(read_as(RNG.normal(size=N)))) == []
    of_classes = {f"auc_class_{k}": Measurement(value, 0.01) for k, value in enumerate((0.2, 0.9, 0.1))}
    assert hints(of_classes) == ["AUC below 0.5 of class_0, class_2: are the columns in the order of the classes?"]


def read_as(logit: np.ndarray) -> Any:
    return Predictions("classification", np.arange(N), logit.astype(np.float32))
