"""Published scores on Belle."""

from __future__ import annotations

from pd4ml.card import shared_data_scores

__all__ = ["LITERATURE"]

LITERATURE = shared_data_scores(
    n_train=280_000,
    reference={"accuracy": (0.823, 0.001), "auc": (0.906, 0.009)},
    graph_net={"accuracy": (0.824, 0.001), "auc": (0.903, None)},
    fcn={"accuracy": (0.736, 0.001), "auc": (0.81, 0.001)},
)
