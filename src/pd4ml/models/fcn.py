"""The fully connected network (FCN) of arXiv:2107.00656."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.layers import PaddedInput, dense
from pd4ml.models.registry import ModelInputs, register

__all__ = ["FCN"]


@register("fcn")
class FCN(Model):
    """12 dense layers of 256 with ReLU on the node features as one padded vector; edges are not used."""

    permutation_invariant: ClassVar[bool] = False
    needs_edges = False

    def __init__(self, inputs: ModelInputs, *, width: int = 256, depth: int = 12) -> None:
        super().__init__(inputs)
        if depth < 1:
            raise ValueError(f"depth must be at least 1, found {depth}")
        self.first = PaddedInput(inputs.max_nodes, inputs.n_features, inputs.n_tokens, width)
        hidden = [layer for _ in range(depth - 1) for layer in (dense(width, width), nn.ReLU(inplace=True))]
        self.layers = nn.Sequential(nn.ReLU(inplace=True), *hidden)
        self.add_head(width)

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        result: Tensor = self.layers(self.first(batch))
        return result

    def dense_form(self) -> DenseForm:
        """On padded features and kinds."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, width)."""
        model: FCN = self.model  # type: ignore[assignment]
        result: Tensor = model.layers(model.first.padded(features, tokens))
        return result
