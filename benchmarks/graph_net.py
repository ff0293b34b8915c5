"""GraphNet against the same network on padded nodes with dense adjacency, and against PyTorch Geometric's layers.

Both sides have the same weights and the same generated events, in turns, in one process. The dense network gets
its padded arrays ready-made and, as published, lets padding take part in batch norm and pooling, which is less
work than masks; GraphNet's time holds its adjacency's normalisation. That both are the same function, padding
apart, is tested (tests/models/test_graph_net.py). ``python benchmarks/graph_net.py [data]`` prints JSON.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

import pd4ml
from pd4ml.graphs.packed import PackedGraphs
from pd4ml.models import ModelInputs
from pd4ml.models.batch import GraphBatch
from pd4ml.models.graph_net import GraphNet
from pd4ml.models.layers import PReLUDropout, average_nodes
from pd4ml.sample import Sample
from pd4ml.training import load_recipe
from pd4ml.training.data import TrainingBatch, TrainingData
from pd4ml.training.material import prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.dense_graph_net import DenseGraphNet, dense_inputs

__all__ = ["rows"]

STEP_EVENTS, PREDICT_EVENTS, STORE_EVENTS = 32, 256, 370  # of the store 70 or 80 % are train events
REPEATS = 7
STEP, QCD, GCN, PLAIN_GCN, PREDICT, EPOCH = KINDS = (
    *("step", "QCD jets of TopTagging", "GCNConv", "GCNConv and PyTorch's layers", "predict", "epoch"),
)
TARGETS = {QCD: 2.5, "Belle": 2.5, "Spinodal": 2.0, "EOSL": 2.0}
DENSE = "the same network on padded nodes with dense adjacency, PyTorch"

Work = Callable[[], Any]


class GCNGraphNet(GraphNet):
    """GraphNet with the graph convolutions of PyTorch Geometric; ``plain`` with PyTorch's activations, too."""

    def __init__(self, inputs: ModelInputs, width: int = 256, *, plain: bool = False) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__(inputs, width=width)
        self.convolutions = nn.ModuleList(GCNConv(width, width) for _ in range(3))
        if plain:
            for activations in (self.node_activations, self.event_activations):
                for i, joined in enumerate(activations):
                    activations[i] = plain_activation(
                        width, cast("PReLUDropout", joined.get_submodule("1")).dropout
                    )

    def features(self, batch: GraphBatch) -> Tensor:
        """(B, width)."""
        x = torch.relu(self.first(batch))
        for layer in self.node_layers:
            x = torch.relu(layer(x))
        for convolution, activation in zip(self.convolutions, self.node_activations, strict=True):
            x = activation(convolution(x, batch.edge_index))
        x = average_nodes(x, batch)
        for layer, activation in zip(self.event_layers, self.event_activations, strict=True):
            x = activation(layer(x))
        return x


def plain_activation(width: int, dropout: float) -> nn.Sequential:
    """What `NormActivation` joins, of PyTorch's layers."""
    return nn.Sequential(nn.ReLU(), nn.BatchNorm1d(width, eps=1e-3), nn.PReLU(width), nn.Dropout(dropout))


def training_step(model: nn.Module, optimiser: torch.optim.Optimizer, target: Tensor) -> Callable[..., None]:
    """Forward, loss, backward, optimiser."""

    def step(*inputs: Any) -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(*inputs), target))
        optimiser.step()

    return step


def in_turns(ours: Work, other: Work) -> tuple[list[float], list[float]]:
    """Seconds of each repeat; the first round only warms up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS + 1):
        for work, times in zip((ours, other), seconds, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return seconds[0][1:], seconds[1][1:]


def row(
    name: str, other_name: str, n_events: int, ours: Work, other: Work, target: float | None
) -> dict[str, Any]:
    """Throughputs, and the median over pairs of their ratio; at least ``target`` is wanted, if anything is."""
    times = in_turns(ours, other)
    return {
        "name": name,
        "ours": n_events / median(times[0]),
        "other": n_events / median(times[1]),
        "other_name": other_name,
        "unit": "events/s",
        "ratio": median(theirs / own for own, theirs in zip(*times, strict=True)),
        "target": "shown" if target is None else f"at least {target:g}",
        "repeats": REPEATS,
        "threads": torch.get_num_threads(),
    }


def networks(graphs: PackedGraphs) -> tuple[GraphNet, DenseGraphNet]:
    """Ours and the dense one with its weights."""
    inputs = ModelInputs(graphs.nodes.shape[1], graphs.max_nodes, "classification", graphs.n_tokens)
    torch.manual_seed(0)
    model = GraphNet(inputs)
    return model, DenseGraphNet(inputs, masked=False).take(model)


def dense_step_row(name: str, graphs: PackedGraphs) -> dict[str, Any]:
    """One training step against the dense network."""
    model, dense = networks(graphs)
    target = labels(graphs)
    ours = training_step(model, torch.optim.Adam(model.parameters(), 1e-4, fused=True), target)
    theirs = training_step(dense, torch.optim.Adam(dense.parameters(), 1e-4), target)
    padded = dense_inputs(graphs)
    filled = len(graphs.nodes) / (len(graphs) * graphs.max_nodes)
    title = f"GraphNet, one training step of {len(graphs)} events, {name}, {filled:.0%} of the nodes real"
    goal = TARGETS.get(name)
    return row(title, DENSE, len(graphs), lambda: ours(pack(graphs)), lambda: theirs(*padded), goal)


def gcn_step_row(name: str, graphs: PackedGraphs, *, plain: bool) -> dict[str, Any]:
    """One training step against GCNConv, in a network of PyTorch's layers or in ours."""
    target = labels(graphs)
    inputs = ModelInputs(graphs.nodes.shape[1], graphs.max_nodes, "classification", graphs.n_tokens)
    ours, gcn = (
        training_step(model, torch.optim.Adam(model.parameters(), 1e-4, fused=True), target)
        for model in (GraphNet(inputs), GCNGraphNet(inputs, plain=plain))
    )
    title = f"GraphNet, one training step of {len(graphs)} events, {name}"
    rest = "PyTorch's layers" if plain else "this package's activations"
    other = f"the same network of PyTorch Geometric's GCNConv and {rest}, same packed batch"
    goal = 1.3 if plain else None
    return row(title, other, len(graphs), lambda: ours(pack(graphs)), lambda: gcn(pack(graphs)), goal)


def labels(graphs: PackedGraphs) -> Tensor:
    """(B,) both classes in turn."""
    return torch.arange(len(graphs)).remainder(2).float()


def predict_row(name: str, graphs: PackedGraphs) -> dict[str, Any]:
    """Predictions against the dense network."""
    ours, dense = (model.eval() for model in networks(graphs))
    padded = dense_inputs(graphs)
    title = f"GraphNet, prediction of {len(graphs)} events at a time, {name}"
    with torch.inference_mode():
        return row(title, DENSE, len(graphs), lambda: ours(pack(graphs)), lambda: dense(*padded), 3)


def pack(graphs: PackedGraphs) -> GraphBatch:
    """A new batch: nothing is kept from the last time."""
    return GraphBatch.from_packed(graphs)


def epoch_row(name: str, sample: Sample) -> dict[str, Any]:
    """One epoch from the store against the same steps on batches that are there."""
    recipe = load_recipe("graph_net").override(validation_fraction=0.1)
    material = prepare({"train": sample}, recipe, min(len(sample.open("train")), PREDICT_EVENTS))
    n_train = len(material.train.index)
    data = TrainingData(material, batch_size=STEP_EVENTS, seed=1)
    batches = list(data.train_dataloader())
    model, _ = networks(material.graphs(material.train)[:1])
    optimiser = torch.optim.Adam(model.parameters(), 1e-4, fused=True)

    def epoch(of: Any) -> None:
        for batch in of:
            training_step(model, optimiser, batch.target)(batch.graphs)

    def new() -> list[TrainingBatch]:
        return [dataclasses.replace(batch, graphs=dataclasses.replace(batch.graphs)) for batch in batches]

    stored, steps = in_turns(lambda: epoch(data.train_dataloader()), lambda: epoch(new()))
    return {
        "name": f"GraphNet, one epoch of {n_train} {name} events from the store",
        "ours": median(stored),
        "other": median(steps),
        "other_name": "the steps alone",
        "unit": "s",
        "ratio": median(whole / alone for whole, alone in zip(stored, steps, strict=True)),
        "target": "at most 1.15",
        "repeats": REPEATS,
        "threads": torch.get_num_threads(),
    }


def rows(path: Path | None = None) -> list[dict[str, Any]]:
    """All rows, on generated events in ``path`` or on some made for it.

    Each is measured in a process of its own: what the rows before left in the allocator decides whether the
    dense network's large arrays are fetched anew for each step.
    """
    if path is None:
        with tempfile.TemporaryDirectory() as folder:
            for dataset in pd4ml.Dataset.datasets_register:
                dataset.generate(folder, n_events=STORE_EVENTS, seed=1)
            return rows(Path(folder))
    work = [(kind, dataset.name, path) for dataset in pd4ml.Dataset.datasets_register for kind in KINDS]
    work = [(kind, name, path) for kind, name, path in work if kind != QCD or name == "TopTagging"]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.starmap(one_row, work, chunksize=1)


def one_row(kind: str, name: str, path: Path) -> dict[str, Any]:
    """One row of a dataset."""
    dataset = pd4ml.Dataset.datasets_register.find(name)
    sample = dataset.at(path, source="generated")
    if kind == EPOCH:
        return epoch_row(name, sample)
    lazy = sample.graphs("train")
    order = np.random.default_rng(0).permutation(len(lazy))
    if kind == QCD:  # about as many constituents as the row that is wanted speaks of
        order = order[np.asarray(lazy.events.y)[order] == 0]
        name = QCD
    graphs = lazy[np.sort(order[: PREDICT_EVENTS if kind == PREDICT else STEP_EVENTS])]
    if kind == PREDICT:
        return predict_row(name, graphs)
    return (
        dense_step_row(name, graphs)
        if kind in (STEP, QCD)
        else gcn_step_row(name, graphs, plain=kind == PLAIN_GCN)
    )


if __name__ == "__main__":
    print(json.dumps(rows(Path(sys.argv[1]) if len(sys.argv) > 1 else None), indent=2))
