"""Targets: found where that is clear, asked for where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pd4ml.errors import DataError
from pd4ml.own.target import require_all, target_of


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        ([0, 1, 1], "classification", ("0", "1")),
        ([True, False, True], "classification", ("False", "True")),
        (["b", "a", "b"], "classification", ("a", "b")),
        ([0.5, 1.5, 1.0], "regression", ()),
        ([[1, 2], [3, 4], [5, 6]], "regression", ()),
    ],
)
def test_a_task_is_found(y: list[Any], task: str, classes: tuple[str, ...]) -> None:
    found = target_of(y, 3)
    assert (found.task, found.classes) == (task, classes)
    assert len(found.array) == 3


def test_classes_have_names_or_values() -> None:
    named = target_of([0, 1, 1], 3, classes=["QCD", "top"])
    assert (named.classes, named.array.tolist()) == (("QCD", "top"), [0, 1, 1])
    together = target_of([5, 7, 9, 5], 4, classes={"light": [5, 7], "heavy": 9})
    assert (together.classes, together.array.tolist()) == (("light", "heavy"), [0, 0, 1, 0])
    texts = target_of(np.array(["top", "QCD"], object), 2, classes=["QCD", "top"])
    assert texts.array.tolist() == [1, 0]
    assert target_of([3, 5], 2, "classification").classes == ("3", "5")
    assert target_of([1.0, 2.0], 2, "classification").classes == ("1", "2")


def test_events_without_labels_and_labels_of_nodes() -> None:
    assert target_of(None, 3).task == "unlabelled"
    nodes = target_of([[0, 1, -1], [2, -1, -1]], 2, "segmentation")
    assert (nodes.spec.padding, nodes.classes) == (-1, ("0", "1", "2"))


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([1, 2, 5], {}, "say task="),
        ([0, 1], {}, "one for each of 3 events"),
        ([0, 1, 2], {"classes": ["a", "b"]}, "labels must be 0 to 1"),
        ([0, 1, 2], {"classes": {"a": [0], "b": [1]}}, "the value .*2.* belongs to none"),
        ([0, 0, 0], {"task": "classification"}, "2 to 1,000 classes, found 1"),
        (["a", "b", "c"], {"task": "regression"}, "values of a regression"),
        (None, {"task": "regression"}, "needs y"),
        ([[0, 1]] * 3, {"task": "classification"}, "labels are one for each event"),
        ([0, 1, 1], {"task": "clasification"}, "did you mean 'classification'"),
        ([[0.5]] * 3, {"task": "segmentation"}, "labels of nodes are whole numbers"),
    ],
)
def test_what_does_not_go_together_is_refused(y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        target_of(y, 3, **options)
    assert type(caught.value).__module__ == "pd4ml.errors"


def test_every_class_must_be_there() -> None:
    with pytest.raises(DataError, match=r"class 'b' \(and 1 others\) in test"):
        require_all("Mine", ("a", "b", "c"), [0], "test")
    require_all("Mine", ("a", "b"), [1, 0], "test")
    require_all("Mine", (), [], "test")
