"""An adapter for models from elsewhere that take padded features."""

from __future__ import annotations

from torch import Tensor, nn

from pd4ml.models.batch import GraphBatch

__all__ = ["Dense"]


class Dense(nn.Module):
    """Calls ``module`` on the padded node features (B, max_nodes, F), zero where no node is.

    ``module`` gives (B,) or (B, 1), or as many numbers an event as the task needs: logits, or values in the
    target's unit. Kinds of nodes are no features.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,), or (B, K) where the module gives several numbers."""
        output: Tensor = self.module(batch.to_dense())
        return output.squeeze(1) if output.ndim == 2 and output.shape[1] == 1 else output
