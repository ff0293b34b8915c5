"""Published scores on EOSL."""

from __future__ import annotations

from pd4ml.card import shared_data_scores

__all__ = ["LITERATURE"]

LITERATURE = shared_data_scores(
    n_train=126_850,
    reference={"accuracy": (0.691, 0.005), "auc": (0.788, 0.005)},
    graph_net={"accuracy": (0.687, 0.005), "auc": (0.766, 0.005)},
    fcn={"accuracy": (0.605, 0.019), "auc": (0.739, 0.008)},
)
