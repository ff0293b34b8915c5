"""Metrics of segmentations: a label for each node, with errors from a bootstrap of whole events.

Of class k, in numbers of nodes: efficiency (recall) TP / (TP + FN), purity (precision) TP / (TP + FP),
intersection over union TP / (TP + FP + FN), P. Jaccard, Bull. Soc. Vaud. Sci. Nat. 37 (1901) 547.
``<metric>_class_<k>`` is that of class k, ``<metric>_macro`` the average over classes. A purity of a class that no
node is taken for is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pd4ml.metrics.measurement import Floats, Measurement, bootstrap_weights, spread

__all__ = ["Confusion", "segmentation", "segmentation_names", "segmentation_numbers"]


class Confusion:
    """Confusion matrices of nodes for many different weights of the events they are in.

    ``chosen`` and ``truth`` (M,) are the predicted and the true class of each node, 0 to K - 1, ``event`` (M,) the
    number of its event, from 0. ``weight`` (M,), if nodes have one, is what each counts.
    """

    def __init__(
        self,
        chosen: NDArray[np.int64],
        truth: NDArray[np.int64],
        event: NDArray[np.int64],
        n_classes: int,
        weight: Floats | None = None,
    ) -> None:
        self.n_classes = n_classes
        # Nodes of an event in the same cell are always drawn together: they are summed once.
        cell = n_classes * truth + chosen
        pair, place = np.unique(event * n_classes**2 + cell, return_inverse=True)
        self._event, self._cell = np.divmod(pair, n_classes**2)
        self._sum = np.bincount(place, weight, len(pair)).astype(np.float64)

    def matrix(self, weights: Floats | None = None) -> Floats:
        """(K, K) sums over nodes, rows the true class; ``weights`` (N,) are those of the events."""
        counts = self._sum if weights is None else self._sum * weights[self._event]
        sums = np.bincount(self._cell, counts, self.n_classes**2)
        return np.asarray(sums.reshape(self.n_classes, self.n_classes), np.float64)


def segmentation_numbers(matrix: Floats) -> Floats:
    """Accuracy; efficiency, purity and intersection over union, each of all classes and their mean."""
    right, true, taken = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    rates = [_ratio(right, true), _ratio(right, taken), _ratio(right, true + taken - right)]
    return np.array([right.sum() / matrix.sum(), *(x for rate in rates for x in (*rate, rate.mean()))])


def segmentation_names(n_classes: int) -> list[str]:
    """What the numbers of `segmentation` are called, in their order."""
    suffixes = [*(f"class_{k}" for k in range(n_classes)), "macro"]
    return ["accuracy", *(f"{name}_{s}" for name in ("efficiency", "purity", "iou") for s in suffixes)]


def segmentation(
    logits: Floats,
    truth: NDArray[np.int64],
    n_resamples: int,
    rng: np.random.Generator,
    group: NDArray[np.int64],
    weight: Floats | None = None,
) -> dict[str, Measurement]:
    """Metrics of ``logits`` (M, K) against ``truth`` (M,) of the M nodes of all events.

    ``group`` (M,), 0 to G - 1, says what is drawn together: the event of each node, or what its event belongs to.
    Resamples in which a class is missing are left out.
    """
    n_classes = logits.shape[1]
    found = Confusion(logits.argmax(axis=1), truth, group, n_classes, weight)
    n_groups = int(group.max()) + 1
    matrices = (found.matrix(w) for w in bootstrap_weights(rng, n_groups, n_resamples))
    errors = spread(segmentation_numbers(matrix) for matrix in matrices if matrix.sum(axis=1).all())
    values = segmentation_numbers(found.matrix())
    names = segmentation_names(n_classes)
    return {
        name: Measurement(float(v), float(e))
        for name, v, e in zip(names, values, np.atleast_1d(errors), strict=True)
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
