"""The plain twin of the search for neighbours: tensors of fixed shape, all distances at once."""

from __future__ import annotations

import torch
from torch import Tensor

from pd4ml.models.batch import GraphBatch
from pd4ml.models.neighbours import Neighbours

__all__ = ["at_once"]


def at_once(points: Tensor, batch: GraphBatch, k: int, *, itself: bool = False) -> Neighbours:
    """The ``k`` nearest neighbours of each node within its graph, or all where there are fewer.

    points: (sum P, C). Distances are Euclidean. With ``itself`` a node is the first of its own neighbours.
    """
    n_places = batch.layout.largest
    kept, degree = batch.layout.chosen(k, itself=itself)
    row = batch.graph_index * n_places + batch.place
    dense = points.detach().new_zeros(len(batch) * n_places, points.shape[1]).index_copy(0, row, points.detach())
    dense = dense.view(len(batch), n_places, points.shape[1])
    distance = torch.cdist(dense, dense, compute_mode="donot_use_mm_for_euclid_dist")
    distance = torch.nan_to_num(distance, torch.finfo(distance.dtype).max)
    real = torch.arange(n_places, device=points.device) < batch.sizes[:, None]
    distance = distance.masked_fill(~real[:, None], torch.inf)
    own = torch.eye(n_places, dtype=torch.bool, device=points.device)
    distance = distance.masked_fill(own, -torch.inf if itself else torch.inf)
    places = distance.flatten(0, 1).index_select(0, row).topk(min(k, n_places), largest=False).indices
    places = torch.nn.functional.pad(places, (0, k - places.shape[1]))  # what is padded is not kept
    source = (places + batch.offsets[batch.graph_index, None]).flatten().index_select(0, kept)
    target = torch.repeat_interleave(degree, output_size=len(kept))
    return Neighbours(source, target, torch.nn.functional.pad(degree.cumsum(0), (1, 0)))
