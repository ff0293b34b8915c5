"""A label for each node of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Task as TaskName
from pd4ml.errors import DataError
from pd4ml.tasks.base import Task, as_labels, check_labels
from pd4ml.tasks.multiclass import class_factors

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Segmentation"]


@dataclass(frozen=True)
class Segmentation(Task):
    """A logit for each of ``n_classes`` classes and each node; cross-entropy, the mean over nodes.

    The target is (N, P), a label for each place where a node can be; ``padding`` stands where none is. The nodes
    of an event's graph are the places that hold a label, in their order.
    """

    name: ClassVar[TaskName] = "segmentation"
    per_node: ClassVar[bool] = True
    n_classes: int
    padding: int = -1

    @property
    def n_outputs(self) -> int:
        """As many as classes."""
        return self.n_classes

    def check(self, target: NDArray[Any]) -> None:
        """Labels must be 0 to K - 1, or padding."""
        check_labels(as_labels(np.where(self.places(target), target, 0)), self.n_classes)

    def places(self, target: NDArray[Any]) -> NDArray[np.bool_]:
        """(N, P) where nodes are."""
        flat = np.asarray(target).reshape(len(target), -1)
        return np.asarray(flat != self.padding)

    def to_tensor(self, target: NDArray[Any]) -> Tensor:
        """(sum P,) int64, the labels of the nodes of all events."""
        import torch

        flat = np.asarray(target).reshape(len(target), -1)
        return torch.from_numpy(flat[self.places(target)].astype(np.int64))

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None, balance: Tensor | None = None) -> Tensor:
        """Cross-entropy of logits (sum P, K); ``weight`` (sum P,) is that of each node's event."""
        from torch.nn import functional

        if len(output) != len(target):
            raise DataError(f"graphs of {len(output)} nodes, but {len(target)} labels: each node needs its label")
        each = functional.cross_entropy(output, target, reduction="none")
        if balance is not None:
            each = each * balance[target]
        return (each if weight is None else each * weight).mean()

    def class_balance(self, target: NDArray[Any], weight: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """(K,) factors by which all classes of nodes weigh the same."""
        places = self.places(target)
        labels = as_labels(np.asarray(target).reshape(places.shape)[places])
        each = None if weight is None else np.broadcast_to(weight[:, None], places.shape)[places]
        return class_factors(labels, self.n_classes, each)
