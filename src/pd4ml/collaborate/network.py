"""A learner that trains the recipe's network on a sample that stays its own. This module loads torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pd4ml.collaborate.privacy import Budget, Privacy, private_form, private_gradients
from pd4ml.collaborate.strategies import Ballot
from pd4ml.collaborate.weights import State, check_state, put_state, state_digest, state_of
from pd4ml.errors import DataError
from pd4ml.sample import FeatureView, Sample
from pd4ml.training.data import EventOrder, TrainingBatch, TrainingData, batch_loader
from pd4ml.training.fitted import Options
from pd4ml.training.material import Material, prepare
from pd4ml.training.module import make_optimiser, task_loss
from pd4ml.training.network import Network, begun_model
from pd4ml.training.recipe import TREES, Recipe
from pd4ml.training.threads import Threads

__all__ = ["NetworkLearner", "PooledLearner"]

_BLOCKS = 50  # of vote events, whose mean losses say how uncertain a change is


class NetworkLearner:
    """One group: a sample, of which train and vote events are parts that share no event and no group.

    The vote part is the recipe's ``validation_fraction`` of the train split; nothing here looks at the test split.
    Proposals and votes depend on state, round and seed only. Every proposal begins with a new optimiser: what an
    old one remembers belongs to another state.

    Parameters
    ----------
    name : str
        The group's.
    sample : Sample
        Its events.
    recipe : Recipe
        Of a network.
    view : FeatureView, optional
        What all learners' features were fitted to; fitted on the sample if not given.
    seed : int
        Of the starting weights and of the order of events.
    epochs : int
        Of one proposal.
    threads : int
        That work.

    Raises
    ------
    DataError
        For boosted trees, methods with several optimisers or predictions of their own, and models with which there
        is no privacy to have.
    """

    def __init__(
        self,
        name: str,
        sample: Sample,
        recipe: Recipe,
        view: FeatureView | None = None,
        *,
        seed: int = 1,
        epochs: int = 1,
        threads: int = 1,
    ) -> None:
        self.private: tuple[Budget, bytes] | None = None
        if recipe.model == TREES:
            raise DataError(f"{recipe.name} has no weights to share: choose the recipe of a network")
        if len(recipe.method.optimisers()) != 1:
            raise DataError(f"the method {recipe.method.kind} has several optimisers: learners have one")
        if recipe.method.readout != "value":
            raise DataError(f"learners vote with the task's loss: choose supervised, found {recipe.method.kind}")
        self.name, self.sample, self.recipe = name, sample, recipe
        self.seed, self.epochs, self.threads = seed, epochs, threads
        material = prepare({"train": sample}, recipe, features=view is None)
        self.material: Material = material if view is None else replace(material, view=view)
        with torch.random.fork_rng(devices=[]):
            self.model = begun_model(self.material, recipe, Options(seed))
        self.loss = task_loss(self.material, recipe)
        self.data = TrainingData(
            self.material,
            batch_size=recipe.batch_size,
            seed=seed,
            method=recipe.method,
            edges=getattr(self.model, "needs_edges", True),
        )
        self._like = state_of(self.model)
        self._cached_losses = lru_cache(maxsize=4)(self._losses)

    def __repr__(self) -> str:
        return f"<learner {self.name}: {self.n_train:,} train events>"

    @property
    def n_train(self) -> int:
        """Events that are trained on."""
        return len(self.material.train.index)

    @property
    def view(self) -> FeatureView:
        """What features were fitted to."""
        assert self.material.view is not None
        return self.material.view

    def start(self) -> State:
        """The state that the seed begins with, with the statistics of the group's own target."""
        return dict(self._like)

    def keep_private(self, privacy: Privacy, secret: bytes, proposals: int) -> Budget:
        """Make ``proposals`` proposals at most, all with the noise that keeps the promise; gives the budget.

        DataError for methods that are not supervised, weighted losses, and models that have none to give.
        """
        if self.recipe.method.kind != "supervised":
            raise DataError(f"the method {self.recipe.method.kind} has no privacy to have: choose supervised")
        if self.loss.balance is not None or self.material.weight:
            raise DataError(
                "factors of classes, components or events depend on all events: there is no privacy to have"
            )
        private_form(self.model, self.recipe.model)
        budget = Budget(privacy, self.n_train, self.recipe.batch_size, self.epochs, proposals)
        self.private = budget, secret
        return budget

    def propose(self, state: State, round_: int, proximal: float = 0.0) -> State:
        """Train ``epochs`` epochs from ``state``, and give what comes out."""
        if self.private is not None:
            return self._trained_privately(state, round_, proximal)
        return _trained(self, state, round_, proximal, self._batches)

    def _trained_privately(self, state: State, round_: int, proximal: float) -> State:
        assert self.private is not None
        budget, secret = self.private
        put_state(self.model, state)
        form = private_form(self.model, self.recipe.model)
        optimiser = make_optimiser(self.recipe, self.model.parameters())
        start = {name: p.detach().clone() for name, p in form.named_parameters()}
        self.model.train()
        with torch.random.fork_rng(devices=[]), Threads(self.threads):
            torch.manual_seed(self.seed + 1_000_003 * (round_ + 1))
            key = secret + f"{round_} {state_digest(state)}".encode()
            places = self.material.train.index
            for found in private_gradients(form, self.loss, self.data.batches, places, budget, key):
                for name, parameter in form.named_parameters():
                    parameter.grad = found[name] + proximal * (parameter.detach() - start[name])
                optimiser.step()
        return state_of(self.model)

    def _batches(self, epoch: int) -> Iterator[TrainingBatch]:
        self.data.train_order.set_epoch(epoch)
        return iter(self.data.train_dataloader())

    def vote(self, proposal: State, current: State) -> Ballot:
        """Compare the two on all vote events, in blocks whose spread is the error."""
        (new, size), (old, _) = (self.losses(state) for state in (proposal, current))
        share, change = size / size.sum(), new - old
        mean = float(share @ change)
        error = float(np.sqrt((share**2 @ (change - mean) ** 2) * len(size) / max(len(size) - 1, 1)))
        return Ballot(mean, error)

    def losses(self, state: State) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(b,) mean losses of blocks of vote events, and (b,) how many events each has."""
        checked = check_state(state, self._like)
        return self._cached_losses(_Key(checked))

    def loss_of(self, state: State) -> float:
        """The mean loss of all vote events."""
        losses, sizes = self.losses(state)
        return float(losses @ sizes / sizes.sum())

    @property
    def facts(self) -> dict[str, Any]:
        """What others are told of the events: where they come from, their fingerprint, how many there are."""
        sample = self.sample
        counts = {
            "train": self.n_train,
            "vote": len(self.material.valid.index),
            "test": len(sample.open("test")),
        }
        return {
            "source": sample.source,
            "variant": sample.variant,
            "fingerprint": sample.fingerprint,
            "events": counts,
        }

    def _losses(self, key: _Key) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        put_state(self.model, key.state)
        self.model.eval()
        n = len(self.material.valid.index)
        order = EventOrder(self.material.valid.index, -(-n // _BLOCKS))
        found = []
        with torch.inference_mode(), Threads(self.threads):
            for batch in batch_loader(self.data.valid_batches, order):
                found.append((float(self.loss(self.model(batch.graphs), batch)), float(len(batch))))
        losses, sizes = np.asarray(found, np.float64).T
        return losses, sizes

    def fitted(self, state: State) -> Network:
        """A network with the weights of ``state``, which predicts; it shares the learner's module."""
        put_state(self.model, check_state(state, self._like))
        network = Network(self.sample.dataset, self.material.task, self.view, None, self.model.eval(), self.recipe)
        network.threads = self.threads
        return network


class PooledLearner:
    """What could be had if all events lay in one place: it trains on the events of all ``learners``, mixed."""

    name = "pooled"

    def __init__(self, learners: Sequence[NetworkLearner]) -> None:
        self.learners = tuple(learners)
        first = learners[0]
        self.model, self.recipe, self.seed = first.model, first.recipe, first.seed
        self.epochs, self.threads, self.loss = first.epochs, first.threads, first.loss

    @property
    def n_train(self) -> int:
        """Events of all."""
        return sum(learner.n_train for learner in self.learners)

    def propose(self, state: State, round_: int, proximal: float = 0.0) -> State:
        """As a learner's, batches of all learners in random order."""
        return _trained(self, state, round_, proximal, self._batches)

    def vote(self, proposal: State, current: State) -> Ballot:
        """Nobody asks."""
        raise DataError("all events in one place have nobody to vote with")

    def _batches(self, epoch: int) -> Iterator[TrainingBatch]:
        iterators = [learner._batches(epoch) for learner in self.learners]
        whose = np.repeat(np.arange(len(iterators)), [len(learner.data.train_order) for learner in self.learners])
        np.random.default_rng([self.seed, epoch, len(whose)]).shuffle(whose)
        return (next(iterators[i]) for i in whose)


def _trained(learner: Any, state: State, round_: int, proximal: float, batches: Any) -> State:
    """What ``learner.epochs`` epochs make of ``state``; the user's random state is left alone."""
    model, recipe = learner.model, learner.recipe
    put_state(model, state)
    start = [parameter.detach().clone() for parameter in model.parameters()]
    optimiser = make_optimiser(recipe, model.parameters())
    model.train()
    with torch.random.fork_rng(devices=[]), Threads(learner.threads):
        for epoch in range(round_ * learner.epochs, (round_ + 1) * learner.epochs):
            torch.manual_seed(learner.seed + 1_000_003 * (epoch + 1))
            for batch in batches(epoch):
                loss = recipe.method.step({"model": model}, batch, learner.loss)["model"]
                if proximal:
                    pairs = zip(model.parameters(), start, strict=True)
                    loss = loss + proximal / 2 * torch.stack([(p - q).square().sum() for p, q in pairs]).sum()
                if not torch.isfinite(loss):
                    raise DataError(f"the training loss became {loss.item()} in round {round_}")
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    return state_of(model)


class _Key:
    """A state that is told from others by its digest."""

    def __init__(self, state: State) -> None:
        self.state, self.digest = state, state_digest(state)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.digest == self.digest
