"""The encoder of an inference, a trunk with few outputs, and its posteriors for sets of each size. Loads torch."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

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
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.store import Events
from pd4ml.training.beside import graphs_of
from pd4ml.training.checkpoints import read_checkpoint
from pd4ml.training.fitted import load_fitted
from pd4ml.training.material import Material, Role
from pd4ml.training.network import Network, make_model, model_inputs, predict_graphs
from pd4ml.training.recipe import Recipe

__all__ = ["Encoder", "Trunk", "load", "train"]

_NUMBERS = 12  # of an event, of which a set has the mean
_SAMPLES = 400  # of a posterior
_HEADS = "heads.pt"
Pool = tuple[Mixtures | Windows, Floats]  # sets of events, and the events' numbers (N, 12)


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


class Encoder:
    """A trained encoder with the posteriors that were learnt on its numbers."""

    def __init__(self, network: Network, trunk: Trunk, prior: tuple[float, float], threads: int | None) -> None:
        self.network, self.trunk, self.prior, self.threads = network, trunk, prior, threads
        self.heads: dict[int, Posterior] = {}

    def encode(self, events: Events) -> Floats:
        """(N, 12) numbers of each event."""
        graphs = graphs_of(self.network.dataset, self.network.view, events)
        return predict_graphs(self.trunk, graphs, threads=self.threads).astype(np.float64)

    def head(self, size: int) -> Posterior:
        """The posterior of sets of ``size``, which has learnt nothing where it is new."""
        if size not in self.heads:
            self.heads[size] = Posterior(self.prior[:1], self.prior[1:], _NUMBERS)
        return self.heads[size]

    def fit(self, size: int, learn: Pool, check: Pool, seed: int) -> None:
        """Learn the posterior of sets of ``size`` events, until sets of other events say that it gets worse."""
        with _alone(self.threads):
            torch.manual_seed(seed)
            fit_head(self.head(size), _means(learn, size), _means(check, size), seed=seed)

    def tell(self, size: int, means: Floats, theta: Floats, seed: int) -> dict[str, Floats]:
        """Of sets with ``means`` (B, 12) and the parameter ``theta`` (B,) what their posteriors are.

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
        """(B, L) quantiles of the posteriors of sets with ``means`` (B, 12)."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            samples = self.head(size).sample(torch.from_numpy(means.astype(np.float32)), 10 * _SAMPLES)
        return np.asarray(np.quantile(samples[..., 0].double().numpy(), levels, axis=0).T)

    def save(self, folder: Path) -> None:
        """The network as a run keeps it, and ``heads.pt``."""
        self.network.save(folder)
        stream = io.BytesIO()
        heads = {size: head.state_dict() for size, head in self.heads.items()}
        torch.save({"prior": list(self.prior), "few": self.trunk.few.state_dict(), "heads": heads}, stream)
        write_bytes(folder / _HEADS, stream.getvalue())


def load(folder: Path, dataset: type[Dataset]) -> Encoder:
    """What `Encoder.save` wrote; nothing in it is executed."""
    network = load_fitted(folder)
    assert isinstance(network, Network)
    assert isinstance(network.model, Model)
    network.dataset = dataset
    content = read_checkpoint(folder / _HEADS)
    trunk = Trunk(network.model)
    trunk.few.load_state_dict(content["few"])
    found = Encoder(network, trunk.eval(), (content["prior"][0], content["prior"][1]), 1)
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
    """Train the recipe's trunk on sets of the role ``encoder``; also the loss of each epoch on ``posterior``."""
    with _alone(threads):
        graphs = material.graphs(material.train)
        model = make_model(recipe, model_inputs(graphs, material.task), seed)
        trunk, prior = Trunk(model), (sets["posterior"].low, sets["posterior"].high)
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
    return Encoder(network, trunk, prior, threads), history


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
