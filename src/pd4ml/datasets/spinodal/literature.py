"""Published scores on Spinodal."""

from __future__ import annotations

from pd4ml.card import shared_data_scores

__all__ = ["LITERATURE"]

LITERATURE = shared_data_scores(
    n_train=20_300,
    reference={"accuracy": (0.873, 0.004), "auc": (0.925, 0.005)},
    graph_net={"accuracy": (0.854, 0.004), "auc": (0.916, 0.005)},
    fcn={"accuracy": (0.824, 0.001), "auc": (0.883, 0.001)},
)
