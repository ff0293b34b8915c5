"""A model as a module of tensors alone, which `torch.export` and what builds on it can take."""

from __future__ import annotations

from torch import Tensor, nn

from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.models.kernels import without_kernels

__all__ = ["Exportable", "exportable"]


def exportable(model: Model, batch: GraphBatch) -> tuple[Exportable, tuple[Tensor | None, ...]]:
    """``model`` for batches of graphs as large as those of ``batch``, and the arguments that ``batch`` is.

    ``torch.export.export(*exportable(model.eval(), batch))`` gives a program of tensors alone. The numbers of
    events, of nodes of each and of edges are those of ``batch``; features, edges and kinds are arguments.
    """
    model(batch)  # what follows from the sizes is found once, outside of the program
    with without_kernels():
        model(batch)
    edges = batch.edge_index if model.needs_edges else None
    return Exportable(model, batch), (batch.nodes, edges, batch.tokens)


class Exportable(nn.Module):
    """Calls ``model``, without kernels, on graphs of the sizes of those in ``batch``; see `exportable`."""

    def __init__(self, model: Model, batch: GraphBatch) -> None:
        super().__init__()
        self.model, self._graphs = model, batch
        self.training = model.training

    def forward(self, nodes: Tensor, edge_index: Tensor | None = None, tokens: Tensor | None = None) -> Tensor:
        """The outputs, as the model gives them."""
        with without_kernels():
            output: Tensor = self.model(self._graphs.on(nodes, edge_index, tokens))
        return output
