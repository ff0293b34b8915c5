"""Attention among the nodes of each graph, in groups of graphs of similar size.

Graphs are sorted by size and padded only to the largest of their group: scores (P, P) grow with the square of a
graph, and jets with 20 and with 200 particles are in the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pd4ml.models.batch import GraphBatch
from pd4ml.models.layout import PaddedGroup

__all__ = ["PaddedGroup", "groups_by_size", "offset_attention"]

_GROUP = 16
_LARGE = 1e30


def groups_by_size(batch: GraphBatch, size: int = _GROUP) -> Iterator[PaddedGroup]:
    """The graphs of ``batch`` that have nodes, ascending in size, in groups of ``size``."""
    yield from batch.layout.groups(size)


def offset_attention(query: Tensor, key: Tensor, value: Tensor, groups: list[PaddedGroup]) -> Tensor:
    """Attention normalised twice, as in arXiv:2012.09688.

    query, key: (sum P, D), value: (sum P, W). With a = softmax of ``query_n . key_m`` over m, node m gets the sum
    over n of ``value_n a_nm / sum_n' a_n'm``. Returns (sum P, W); nodes of other graphs and padding take no part.
    """
    parts = []
    for group in groups:
        q, k, v = group.pad(query), group.pad(key), group.pad(value)
        scores = (q @ k.mT).masked_fill(~group.mask[:, None, :], -_LARGE)
        # Rows of padding would count when the columns are normalised.
        weights = scores.softmax(-1) * group.mask[:, :, None]
        weights = weights / (weights.sum(1, keepdim=True) + 1e-9)
        parts.append(group.unpad(weights.mT @ v))
    return _packed(parts, groups, value)


def _packed(parts: list[Tensor], groups: list[PaddedGroup], like: Tensor) -> Tensor:
    """The rows of all groups, in the order of the batch."""
    if not parts:
        return like.new_zeros(0, like.shape[1])
    rows = torch.cat([group.rows.flatten()[group.real] for group in groups])
    return torch.cat(parts)[torch.argsort(rows)]
