"""Published scores on Airshower."""

from __future__ import annotations

from pd4ml.card import shared_data_scores

__all__ = ["LITERATURE"]

LITERATURE = shared_data_scores(
    n_train=70_000,
    reference={"mse": (1000, 52), "resolution": (31.32, 0.75)},
    graph_net={"mse": (1185, 26), "resolution": (34.12, 0.47)},
    fcn={"mse": (1816, 41), "resolution": (42.6, 0.47)},
)
