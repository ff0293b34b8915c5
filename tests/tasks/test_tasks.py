"""Kinds of tasks: what is a target, what the loss is, held against PyTorch's own and against plain sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from helpers.learnable import Classes, Nodes, Values, Vectors, Weighted
from pd4ml.card import ArraySpec
from pd4ml.errors import DataError, UnknownNameError
from pd4ml.tasks import Binary, Multiclass, Regression, Segmentation, Unlabelled, task_of
from pd4ml.tasks.base import Task


def test_a_card_says_which_task_it_is() -> None:
    cards = [Weighted.card, Classes.card, Values.card, Vectors.card, Nodes.card]
    expected = [Binary(), Multiclass(3), Regression(), Regression(2), Segmentation(3, -1)]
    assert [task_of(card) for card in cards] == expected
    assert [task.n_outputs for task in expected] == [1, 3, 1, 2, 3]
    assert task_of("classification") == Binary()
    image = replace(Vectors.card, target=ArraySpec("map", (4, 5), "float32", "1", "an image"))
    assert task_of(image).n_outputs == 20
    with pytest.raises(UnknownNameError, match="unknown task 'clasification'; did you mean 'classification'"):
        task_of("clasification")


@pytest.mark.parametrize(
    ("task", "target", "reason"),
    [
        (Binary(), [0, 1, 2], "labels must be 0 to 1, found 2 in event 2"),
        (Binary(), [0.0, 1.0], "labels must be whole numbers, found float64"),
        (Multiclass(3), [0, 3], "labels must be 0 to 2, found 3 in event 1"),
        (Multiclass(3), [0, -1], "labels must be 0 to 2, found -1 in event 1"),
        (Regression(), [1.0, np.nan], "the target must be finite"),
        (Regression(2), [1.0, 2.0], r"the target must be \(N, 2\), found \(2,\)"),
        (Regression(2), [[1.0, np.inf]], "the target must be finite"),
        (Segmentation(2, -1), [[0, 1], [-1, 2]], "labels must be 0 to 1, found 2 in event 1"),
        (Unlabelled(), [0, 1], "these events have no target"),
    ],
)
def test_a_target_that_is_none_is_refused(task: Task, target: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        task.check(np.array(target))


def outputs(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_the_weighted_means_of_each_events_loss(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    weight = torch.from_numpy(rng.gamma(2, 0.5, 6).astype(np.float32)) if weighted else None
    factor = torch.ones(6) if weight is None else weight
    one = outputs((6,))
    labels, three = np.array([0, 1, 1, 0, 1, 0]), np.array([0, 2, 1, 1, 2, 0])
    each = functional.softplus(-one * (2 * torch.from_numpy(labels) - 1))
    loss = Binary().loss(one, Binary().to_tensor(labels), weight)
    torch.testing.assert_close(loss, (factor * each).mean())
    logits = outputs((6, 3))
    each = -functional.log_softmax(logits, 1)[torch.arange(6), torch.from_numpy(three)]
    loss = Multiclass(3).loss(logits, Multiclass(3).to_tensor(three), weight)
    torch.testing.assert_close(loss, (factor * each).mean())
    values = rng.normal(size=6)
    loss = Regression().loss(one, Regression().to_tensor(values), weight)
    torch.testing.assert_close(loss, (factor * (one - torch.from_numpy(values).float()) ** 2).mean())


def test_components_of_a_vector_are_weighed_by_their_inverse_variances() -> None:
    task, target = Regression(2), np.array([[1.0, 100.0], [3.0, 300.0]])
    spread = torch.tensor(target.std(axis=0), dtype=torch.float32)
    output = torch.from_numpy(target).float() + spread
    assert task.loss(output, task.to_tensor(target), None, spread**-2).item() == pytest.approx(1.0)


def test_padding_has_no_loss() -> None:
    task, target = Segmentation(3, -1), np.array([[0, 2, -1], [1, -1, -1]])
    logits = outputs((3, 3))
    expected = functional.cross_entropy(logits, torch.tensor([0, 2, 1]))
    torch.testing.assert_close(task.loss(logits, task.to_tensor(target), None), expected)
    with pytest.raises(DataError, match="graphs of 4 nodes, but 3 labels: each node needs its label"):
        task.loss(outputs((4, 3)), task.to_tensor(target), None)


@pytest.mark.parametrize("weighted", [False, True])
def test_balance_gives_all_classes_the_same_share(weighted: bool) -> None:
    rng = np.random.default_rng(2)
    labels = rng.choice(3, 500, p=[0.7, 0.2, 0.1])
    weight = rng.gamma(2, 0.5, 500) if weighted else None
    counts = np.ones(500) if weight is None else weight
    factors = Multiclass(3).class_balance(labels, weight)
    shares = np.bincount(labels, counts * factors[labels])
    np.testing.assert_allclose(shares, shares[0], rtol=1e-6)
    assert shares.sum() == pytest.approx(counts.sum())
    two = (labels > 0).astype(int)
    (factor,) = Binary().class_balance(two, weight)
    assert factor * counts[two == 1].sum() == pytest.approx(counts[two == 0].sum())
    nodes = np.where(rng.random((500, 2)) < 0.3, -1, labels[:, None])
    real = nodes != -1
    of_nodes = Segmentation(3).class_balance(nodes, weight)
    both = np.repeat(counts[:, None], 2, 1)[real]
    shares = np.bincount(nodes[real], both * of_nodes[nodes[real]])
    np.testing.assert_allclose(shares, shares[0], rtol=1e-6)
    with pytest.raises(DataError, match="events of all 3 classes, found none of class 2"):
        Multiclass(3).class_balance(np.array([0, 1]))
    with pytest.raises(DataError, match="balance_classes is for classes, and this is a regression"):
        Regression().class_balance(np.array([0.0, 1.0]))
