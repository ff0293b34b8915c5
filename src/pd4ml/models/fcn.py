"""The fully connected network (FCN) of arXiv:2107.00656."""

from __future__ import annotations

import itertools
from typing import ClassVar

from torch import Tensor, nn

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["FCN"]


@register("fcn")
class FCN(Model):
    """12 dense layers of 256 with ReLU on the node features as one padded vector; edges are not used."""

    permutation_invariant: ClassVar[bool] = False

    def __init__(self, inputs: ModelInputs, *, width: int = 256, depth: int = 12) -> None:
        super().__init__(inputs)
        widths = [inputs.max_nodes * inputs.n_features, *[width] * depth]
        hidden = [layer for n_in, n_out in itertools.pairwise(widths) for layer in _step(n_in, n_out)]
        self.layers = nn.Sequential(*hidden, dense(width, 1))

    def output(self, batch: GraphBatch) -> Tensor:
        """(B, 1)."""
        result: Tensor = self.layers(batch.to_dense().flatten(1))
        return result


def _step(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return dense(n_in, n_out), nn.ReLU(inplace=True)
