"""What networks share that see an event as a square image of one number a pixel."""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor, nn

from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.registry import ModelInputs

__all__ = ["ImageModel", "image_inputs"]


def image_inputs(side: int) -> ModelInputs:
    """What a model of classes is built for whose events are images of ``side`` x ``side`` pixels."""
    return ModelInputs(1, side**2, "classification")


class ImageModel(Model):
    """``layers`` on images (B, 1, side, side), which give (B, W), and the head; every pixel is a node."""

    permutation_invariant: ClassVar[bool] = False
    needs_edges = False
    layers: nn.Module

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, W)."""
        return self.images(batch.to_dense())

    def images(self, features: Tensor) -> Tensor:
        """(B, W) of all pixels, (B, side * side, 1), row by row."""
        side = round(features.shape[1] ** 0.5)
        result: Tensor = self.layers(features.view(-1, 1, side, side))
        return result

    def dense_form(self) -> DenseForm:
        """On the pixels of images."""
        return _Dense(self)


class _Dense(DenseForm):
    def trunk(self, features: Tensor, tokens: Tensor | None) -> Tensor:
        """(B, W)."""
        return cast("ImageModel", self.model).images(features)
