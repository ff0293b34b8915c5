"""Networks, trained and loaded again, and their estimator. This module loads torch; training loads Lightning.

`pd4ml.training.fitted` finds it when it is needed.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pd4ml.dataset import Dataset
from pd4ml.errors import DataError
from pd4ml.graphs.lazy import LazyGraphs
from pd4ml.models import ModelInputs, build
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.progress import progress
from pd4ml.sample import FeatureView, GraphBuilder, Sample
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.store import Events
from pd4ml.tasks import Task, task_of
from pd4ml.training.beside import graphs_of
from pd4ml.training.data import EventOrder
from pd4ml.training.fitted import FEATURES_NAME, Facts, Fitted, Options
from pd4ml.training.material import Material, target_statistics
from pd4ml.training.readout import readout_of
from pd4ml.training.recipe import Recipe
from pd4ml.training.threads import Threads, fixed_threads
from pd4ml.training.weights import FORMAT, built, load_state, read_weights

__all__ = [
    "ESTIMATOR",
    "WEIGHTS",
    "Network",
    "NetworkEstimator",
    "begun_model",
    "make_model",
    "model_inputs",
    "predict_graphs",
]

WEIGHTS = "model.pt"


class Network(Fitted):
    """A trained network with its best weights."""

    def __init__(
        self,
        dataset: type[Dataset],
        task: Task,
        view: FeatureView,
        facts: Facts | None,
        model: nn.Module,
        recipe: Recipe | None = None,
    ) -> None:
        super().__init__(dataset, task, view, facts)
        self.model, self.recipe = model, recipe
        # How predictions are read off the model, and the arrays that this takes.
        self.readout, self.arrays = "value", dict[str, Tensor]()
        # By which the model is built again; that of a loaded one is what its file says.
        self.built: dict[str, Any] = {}
        if recipe is not None:
            self.readout = recipe.method.readout
            self.built = {"model": recipe.model, "hyperparameters": dict(recipe.hyperparameters)}

    @property
    def n_parameters(self) -> int:
        """Number of the model's parameters."""
        return sum(p.numel() for p in self.model.parameters())

    def predict(self, events: Events, batch_size: int = 512) -> NDArray[np.float32]:
        """The network's output for all ``events``, (N,), (N, K) or (M, K), on the device where its weights are."""
        return self.predict_fields(events, batch_size)["output"]

    def predict_fields(self, events: Events, batch_size: int = 512) -> dict[str, NDArray[np.float32]]:
        """The output, and the spread or quantiles of networks that predict them."""
        return readout_of(self.readout)(self, partial(self.apply, events=events, batch_size=batch_size))

    def apply(self, model: nn.Module, events: Events, batch_size: int = 512) -> NDArray[np.float32]:
        """What ``model``, this network's or one made of it, gives for all ``events``."""
        graphs = graphs_of(self.dataset, self.view, events)
        expected = 1 if self._facts is None else self._facts.threads
        return predict_graphs(model, graphs, batch_size, threads=self.threads, expected=expected)

    def n_nodes(self, events: Events) -> NDArray[np.int64]:
        """(N,) the number of nodes of each event's graph."""
        graphs = LazyGraphs(events, GraphBuilder(self.dataset, self.view)).without_edges()
        sizes = [pack.sizes for pack in graphs.batches(1024)]
        return np.concatenate(sizes) if sizes else np.zeros(0, np.int64)

    def save(self, folder: Path) -> None:
        """Write ``features.json`` and ``model.pt``: weights and plain values, nothing that is executed."""
        content: dict[str, Any] = {"format": FORMAT, "state": self.model.state_dict()}
        content |= {"readout": self.readout, "arrays": self.arrays}
        if isinstance(self.model, Model) and self.built:
            content |= {**self.built, "inputs": dataclasses.asdict(self.model.inputs)}
        stream = io.BytesIO()
        torch.save(content, stream)
        write_bytes(folder / FEATURES_NAME, self.view.to_json().encode())
        write_bytes(folder / WEIGHTS, stream.getvalue())


class NetworkEstimator:
    """Trains networks, the recipe's or the user's own."""

    def fit(self, samples: Mapping[str, Sample], recipe: Recipe, folder: Path, options: Options) -> Network:
        """Train on the sample of the role ``train``, keeping state in ``folder``.

        A training that was stopped there goes on from its last whole epoch; the result is that of one that was
        never stopped, with the same bits where the number of threads is set. A model of the user's is any module
        from `GraphBatch` to the shape that the task needs. Of several processes only the first returns, the others
        end here.
        """
        from pd4ml.training.fit import fit_network

        return fit_network(samples, recipe, folder, options)

    def load(self, folder: Path, dataset: type[Dataset], view: FeatureView, model: nn.Module | None) -> Network:
        """The network in ``folder``; DataError for one of the user's own without the module to put it into."""
        content = read_weights(folder / WEIGHTS)
        if "model" in content and model is None:
            model = built(content, folder / WEIGHTS)
        if model is None:
            raise DataError(f"{folder} holds the weights of a model of your own: load_run(folder, model=...)")
        load_state(model, content["state"], folder / WEIGHTS)
        network = Network(dataset, task_of(dataset.card), view, None, model.eval())
        network.readout, network.arrays = str(content.get("readout", "value")), dict(content.get("arrays", {}))
        network.built = {key: content[key] for key in ("model", "hyperparameters") if key in content}
        return network


ESTIMATOR = NetworkEstimator()


def predict_graphs(
    model: nn.Module, graphs: LazyGraphs, batch_size: int = 512, *, threads: int | None = None, expected: int = 1
) -> NDArray[np.float32]:
    """What ``model`` gives for all ``graphs``, batch by batch, in their order.

    Without ``threads`` their number is measured; ``expected`` are taken as soon as so many cores are seen free.
    """
    n_events = len(graphs)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    if not getattr(model, "needs_edges", True):
        graphs = graphs.without_edges()
    parts = []
    was_training = model.training
    model.eval()
    counted = Threads(fixed_threads(threads, on_cpu=device.type == "cpu"), expected)
    with torch.inference_mode(), counted, progress("predicting", n_events) as bar:
        for index in EventOrder(np.arange(n_events), batch_size):
            batch = GraphBatch.from_packed(graphs[index]).to(device)
            with counted.step(len(batch.nodes)):
                parts.append(model(batch).float().cpu().numpy())
            bar.advance(len(index))
    model.train(was_training)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def model_inputs(graphs: LazyGraphs, task: Task, n_outputs: int | None = None) -> ModelInputs:
    """What a model must know, read off the first graph; ``n_outputs`` are those of the task if not given."""
    first = graphs[0]
    return ModelInputs(
        first.nodes.shape[1],
        first.max_nodes,
        task.name,
        first.n_tokens,
        first.grid,
        n_outputs=task.n_outputs if n_outputs is None else n_outputs,
        per_node=task.per_node,
    )


def make_model(recipe: Recipe, inputs: ModelInputs, seed: int) -> Model:
    """The recipe's model with the weights that ``seed`` starts from."""
    torch.manual_seed(seed)
    return build(recipe.model, inputs, **recipe.hyperparameters)


def begun_model(material: Material, recipe: Recipe, options: Options) -> nn.Module:
    """The model to train, which is refused if its output is not what the task needs."""
    graphs, task, method = material.graphs(material.train), material.task, recipe.method
    model, n_outputs = options.model, method.n_outputs(material.task)
    if model is None:
        model = make_model(recipe, model_inputs(graphs, task, n_outputs), options.seed)
    if task.scaled and isinstance(model, Model):
        model.set_target(*method.start(*target_statistics(material)))
    _check_output(model, GraphBatch.from_packed(graphs[material.train.index[:2]]), task, n_outputs)
    return model


def _check_output(model: nn.Module, batch: GraphBatch, task: Task, n_outputs: int) -> None:
    """DataError if the model's output for a batch has not the shape that is needed."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            output = model(batch)
    except Exception as error:  # a model of the user's may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(
            f"{type(model).__name__} fails on a batch ({reason}): it is called with a GraphBatch; wrap a module "
            "on padded features (B, max_nodes, F) in pd4ml.models.dense.Dense"
        ) from error
    model.train(was_training)
    n_rows = len(batch.nodes) if task.per_node else len(batch)
    wanted = (n_rows,) if n_outputs == 1 else (n_rows, n_outputs)
    if not isinstance(output, Tensor) or tuple(output.shape) != wanted:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise DataError(
            f"a model for this {task.name} must give {wanted} for {len(batch)} events of {len(batch.nodes)} "
            f"nodes, found {found}"
        )
