"""What a network looks at: how much each node of a grid moves its output. This module loads torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pd4ml.errors import DataError
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.storage.store import Events
from pd4ml.training.beside import graphs_of
from pd4ml.training.fitted import Fitted
from pd4ml.training.network import Network

__all__ = ["attributions"]


def attributions(fitted: Fitted, events: Events, batch_size: int = 128) -> NDArray[np.float32] | None:
    """Gradient times input (arXiv:1605.01713) of each node, summed over its features.

    Parameters
    ----------
    fitted : Fitted
        A trained network.
    events : Events
        N events of its dataset.
    batch_size : int
        Events at a time.

    Returns
    -------
    NDArray or None
        (N, n_1, ..., n_d), in units of the output: the logit, of more than two classes that of the event's own
        class, or the value. None of graphs that are no grid.

    Raises
    ------
    DataError
        For trees, and for a network that has several outputs but no classes, or outputs of nodes.
    """
    if not isinstance(fitted, Network) or fitted.task.per_node:
        raise DataError(f"expected a network with outputs of events, found {fitted!r}")
    if fitted.task.n_outputs > 1 and fitted.task.name != "classification":
        raise DataError(f"expected one output or classes, found a {fitted.task.name} of {fitted.task.n_outputs}")
    graphs = graphs_of(fitted.dataset, fitted.view, events)
    graphs = graphs if getattr(fitted.model, "needs_edges", True) else graphs.without_edges()
    grid = graphs[:1].grid
    if grid is None:
        return None
    # Kernels have no gradients in the inputs.
    model = fitted.model.plain() if isinstance(fitted.model, Model) else fitted.model
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    found = []
    for start in range(0, len(events), batch_size):
        batch = GraphBatch.from_packed(graphs[start : start + batch_size]).to(device)
        nodes = batch.nodes.clone().requires_grad_()
        output = model(batch.on(nodes)).reshape(len(batch), -1)
        if fitted.task.name == "regression":
            output = output[:, :1]  # the value, before what is said of its spread
        elif output.shape[1] > 1:
            own = torch.from_numpy(np.asarray(events.y[start : start + batch_size], np.int64)).to(device)
            output = output.gather(1, own[:, None])
        (gradient,) = torch.autograd.grad(output.sum(), nodes)
        found.append((gradient * nodes).sum(dim=1).detach().cpu().numpy().reshape(-1, *grid))
    model.train(was_training)
    return np.concatenate(found)
