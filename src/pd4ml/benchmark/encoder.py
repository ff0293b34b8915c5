"""The encoder of an inference, a trunk with few outputs or trees, and its posteriors for sets of each size.

Loads torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pd4ml.dataset import Dataset
from pd4ml.methods.infer.diagnostics import ranks
from pd4ml.methods.infer.flow import Posterior
from pd4ml.methods.infer.pairs import Means, Sets, fit_head, train_pairs
from pd4ml.methods.infer.sets import Mixtures, Windows
from pd4ml.metrics.measurement import Floats
from pd4ml.models.base import Model
from pd4ml.models.batch import GraphBatch
from pd4ml.sample import FeatureView
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.store import Events
from pd4ml.training.beside import graphs_of
from pd4ml.training.fitted import load_fitted
from pd4ml.training.material import Material, Role
from pd4ml.training.network import Network, make_model, model_inputs, predict_graphs
from pd4ml.training.recipe import TREES, Recipe
from pd4ml.training.trees import BoostedTrees, grown_on
from pd4ml.training.weights import read_checkpoint

__all__ = ["Encoder", "Trunk", "load", "train"]

_NUMBERS = 12  # of an event, of which a set has the mean
_SAMPLES = 400  # of a posterior
_FEW, _HEADS = "few.pt", "heads.pt"
Pool = tuple[Mixtures | Windows, Floats]  # sets of events, and the events' numbers (N, C)


class Trunk(nn.Module):
    """A model's trunk and a layer that makes few numbers of its features."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model, self.few = model, nn.Linear(model.width, _NUMBERS)
        self.needs_edges = model.needs_edges

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B, 12) numbers of each event."""
        found: Tensor = self.few(self.model.features(batch))
        return found


class Numbers(Protocol):
    """What makes ``width`` numbers of an event."""

    width: int

    def encode(self, events: Events, threads: int | None) -> Floats:
        """(N, width) numbers of each event."""
        ...

    def save(self, folder: Path) -> None:
        """Keep it as a run does."""
        ...


class TrunkNumbers:
    """Those of a network's trunk."""

    width = _NUMBERS

    def __init__(self, network: Network, trunk: Trunk) -> None:
        self.network, self.trunk = network, trunk

    def encode(self, events: Events, threads: int | None) -> Floats:
        """(N, 12) numbers of each event."""
        graphs = graphs_of(self.network.dataset, self.network.view, events)
        return predict_graphs(self.trunk, graphs, threads=threads).astype(np.float64)

    def save(self, folder: Path) -> None:
        """The network, and the last layer beside it."""
        self.network.save(folder)
        stream = io.BytesIO()
        torch.save(self.trunk.few.state_dict(), stream)
        write_bytes(folder / _FEW, stream.getvalue())

    @classmethod
    def load(cls, folder: Path, network: Network) -> TrunkNumbers:
        """What `save` left of a ``network``."""
        assert isinstance(network.model, Model)
        trunk = Trunk(network.model)
        trunk.few.load_state_dict(read_checkpoint(folder / _FEW))
        return cls(network, trunk.eval())


class TreesNumbers:
    """The sum of trees that tell the parameter from one event, and its square, since values also have a spread."""

    width = 2

    def __init__(self, trees: BoostedTrees) -> None:
        self.trees = trees

    def encode(self, events: Events, threads: int | None) -> Floats:
        """(N, 2) numbers of each event."""
        found = np.ravel(self.trees.predict(events)).astype(np.float64)
        return np.stack([found, found**2], axis=1)

    def save(self, folder: Path) -> None:
        """The trees."""
        self.trees.save(folder)


class Encoder:
    """A trained encoder with the posteriors that were learnt on its numbers."""

    def __init__(self, numbers: Numbers, prior: tuple[float, float], threads: int | None) -> None:
        self.numbers, self.prior, self.threads = numbers, prior, threads
        self.heads: dict[int, Posterior] = {}

    def encode(self, events: Events) -> Floats:
        """(N, C) numbers of each event."""
        return self.numbers.encode(events, self.threads)

    def head(self, size: int) -> Posterior:
        """The posterior of sets of ``size``, which has learnt nothing where it is new."""
        if size not in self.heads:
            self.heads[size] = Posterior(self.prior[:1], self.prior[1:], self.numbers.width)
        return self.heads[size]

    def fit(self, size: int, learn: Pool, check: Pool, seed: int) -> None:
        """Learn the posterior of sets of ``size`` events, until sets of other events say that it gets worse."""
        with _alone(self.threads):
            torch.manual_seed(seed)
            fit_head(self.head(size), _means(learn, size), _means(check, size), seed=seed)

    def tell(self, size: int, means: Floats, theta: Floats, seed: int) -> dict[str, Floats]:
        """Of sets with ``means`` (B, C) and the parameter ``theta`` (B,) what their posteriors are.

        Their mean, width and quantiles, the rank of the truth among samples, and ln of the density at both.
        """
        head, context = self.head(size), torch.from_numpy(means.astype(np.float32))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            samples = head.sample(context, _SAMPLES)
            repeated = context.expand(_SAMPLES, *context.shape)
            of_samples = head(samples.clamp(*self.prior), repeated)
            at_truth = head(_column(theta), context)
        drawn = samples[..., 0].double().numpy()
        return {
            "mean": drawn.mean(0),
            "width": drawn.std(0, ddof=1),
            "quantiles": np.quantile(drawn, (0.16, 0.5, 0.84), axis=0).T,
            "rank": ranks(drawn, theta),
            "log_density": at_truth.double().numpy(),
            "log_density_of_samples": of_samples.double().numpy(),
        }

    def quantiles(self, size: int, means: Floats, levels: Sequence[float], seed: int) -> Floats:
        """(B, L) quantiles of the posteriors of sets with ``means`` (B, C)."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            samples = self.head(size).sample(torch.from_numpy(means.astype(np.float32)), 10 * _SAMPLES)
        return np.asarray(np.quantile(samples[..., 0].double().numpy(), levels, axis=0).T)

    def save(self, folder: Path) -> None:
        """Network or trees as a run keeps them, and ``heads.pt``."""
        self.numbers.save(folder)
        stream = io.BytesIO()
        heads = {size: head.state_dict() for size, head in self.heads.items()}
        torch.save({"prior": list(self.prior), "heads": heads}, stream)
        write_bytes(folder / _HEADS, stream.getvalue())


def load(folder: Path, dataset: type[Dataset]) -> Encoder:
    """What `Encoder.save` wrote; nothing in it is executed."""
    fitted = load_fitted(folder)
    fitted.dataset = dataset
    numbers: Numbers
    if isinstance(fitted, Network):
        numbers = TrunkNumbers.load(folder, fitted)
    else:
        assert isinstance(fitted, BoostedTrees)
        numbers = TreesNumbers(fitted)
    content = read_checkpoint(folder / _HEADS)
    found = Encoder(numbers, (content["prior"][0], content["prior"][1]), 1)
    for size, state in content["heads"].items():
        found.head(size).load_state_dict(state)
        found.head(size).eval()
    return found


def train(
    material: Material,
    recipe: Recipe,
    roles: Mapping[str, Role],
    sets: Mapping[str, Mixtures | Windows],
    *,
    seed: int,
    threads: int | None,
) -> tuple[Encoder, NDArray[np.float64]]:
    """Train the recipe's trunk on sets of the role ``encoder``; also the loss of each epoch on ``posterior``.

    Trees learn from single events: whether an event is of the kind whose share is asked for, or its value.
    """
    prior = (sets["posterior"].low, sets["posterior"].high)
    if recipe.model == TREES:
        names = ("encoder", "posterior")
        forest, losses = grown_on(
            material.dataset,
            [roles[name] for name in names],
            [sets[name].of_events for name in names],
            recipe,
            seed,
        )
        view = FeatureView(
            material.card.name, material.dataset.described(), roles["encoder"].events.manifest.fingerprint
        )
        trees = BoostedTrees(material.dataset, material.task, view, None, forest)
        return Encoder(TreesNumbers(trees), prior, threads), losses
    with _alone(threads):
        graphs = material.graphs(material.train)
        model = make_model(recipe, model_inputs(graphs, material.task), seed)
        trunk = Trunk(model)
        history = train_pairs(
            trunk,
            Posterior(prior[:1], prior[1:], _NUMBERS + 1),
            _pairs(material, roles["encoder"], sets["encoder"], trunk.needs_edges),
            _pairs(material, roles["posterior"], sets["posterior"], trunk.needs_edges),
            epochs=recipe.max_epochs,
            steps=max(1, len(material.train.index) // recipe.batch_size),
            batch=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            seed=seed,
        )
    assert material.view is not None
    network = Network(material.dataset, material.task, material.view, None, model, recipe)
    return Encoder(TrunkNumbers(network, trunk.eval()), prior, threads), history


@contextmanager
def _alone(threads: int | None) -> Iterator[None]:
    """Leave the user's random state and number of threads alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


def _pairs(material: Material, role: Role, sets: Mixtures | Windows, edges: bool) -> Sets:
    graphs = material.graphs(role)
    graphs = graphs if edges else graphs.without_edges()

    def draw(rng: np.random.Generator, n: int) -> tuple[Tensor, GraphBatch, Tensor]:
        theta, places, index = sets.batch(rng, n)
        return _column(theta), GraphBatch.from_packed(graphs[role.index[places]]), torch.from_numpy(index)

    return draw


def _means(pool: Pool, size: int) -> Means:
    sets, numbers = pool

    def draw(rng: np.random.Generator, n: int) -> tuple[Tensor, Tensor]:
        theta, index = sets.draw(rng, n, size)
        return _column(theta), torch.from_numpy(numbers[index].mean(1).astype(np.float32))

    return draw


def _column(theta: Floats) -> Tensor:
    return torch.from_numpy(theta.astype(np.float32))[:, None]
