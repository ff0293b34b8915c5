"""Apply a trained model to a split. This module loads torch; import it where predicting starts."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pd4ml.card import Task
from pd4ml.evaluation.predictions import Predictions
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.models.batch import GraphBatch
from pd4ml.progress import progress
from pd4ml.training.data import EventOrder

__all__ = ["predict"]


def predict(model: nn.Module, graphs: LazyGraphs, task: Task, *, batch_size: int = 512) -> Predictions:
    """Predictions of ``model`` for all ``graphs`` of a split, batch by batch."""
    n_events = len(graphs)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    output = np.empty(n_events, np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), progress("predicting", n_events) as bar:
        for index in EventOrder(0, n_events, batch_size):
            batch = GraphBatch.from_packed(graphs[index]).to(device)
            output[index] = model(batch).cpu().numpy()
            bar.advance(len(index))
    model.train(was_training)
    return Predictions(task, np.arange(n_events), output)
