"""Apply a trained model to a split. This module loads torch; import it where predicting starts."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pd4ml.dataset import Dataset
from pd4ml.evaluation.predictions import Predictions
from pd4ml.progress import progress
from pd4ml.storage.store import Events
from pd4ml.training.data import EventBatches, EventOrder

__all__ = ["predict"]


def predict(
    model: nn.Module, dataset: type[Dataset], events: Events, *, n_events: int | None = None, batch_size: int = 512
) -> Predictions:
    """Predictions of ``model`` for the first ``n_events`` of ``events`` (all, if None), batch by batch."""
    n_events = len(events) if n_events is None else min(n_events, len(events))
    batches = EventBatches(dataset, events)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    output = np.empty(n_events, np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), progress("predicting", n_events) as bar:
        for index in EventOrder(0, n_events, batch_size):
            graphs = batches[index].graphs.to(device)
            output[index] = model(graphs).cpu().numpy()
            bar.advance(len(index))
    model.train(was_training)
    return Predictions(dataset.card.task, np.arange(n_events), output)
