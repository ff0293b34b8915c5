"""Proposals with differential privacy: what a learner's training may tell about any one event is bounded.

Every step takes each event with the same small probability, clips the gradient of each to a norm, and adds noise
to their sum (arXiv:1607.00133). What that comes to is counted by Opacus. Gradients of single events are those of a
model's form on dense tensors, one event at a time; where there is none, rows of layers are nodes, not events, and
where there is batch norm, an event changes what others contribute: such models are refused. Noise is PyTorch's:
good for physics, not against somebody who breaks generators.

This module loads torch.
"""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from pd4ml.errors import DataError, missing_extra
from pd4ml.models.base import DenseForm, Model
from pd4ml.models.batch import GraphBatch
from pd4ml.storage.atomic import write_bytes
from pd4ml.storage.disk import open_plain
from pd4ml.training.data import EventBatches, Share
from pd4ml.training.module import TaskLoss

__all__ = ["Budget", "Privacy", "private_form", "private_gradients", "secret_of"]

_CHUNK = 32  # events whose gradients are in memory at once


@dataclass(frozen=True)
class Privacy:
    """What a learner's proposals together may tell of an event: ``epsilon`` and ``delta`` of differential privacy.

    ``max_grad_norm`` is what the gradient of an event is clipped to.
    """

    epsilon: float
    delta: float = 1e-5
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        for name, value, most in (
            ("epsilon", self.epsilon, 1e3),
            ("delta", self.delta, 0.1),
            ("max_grad_norm", self.max_grad_norm, 1e6),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
                raise DataError(f"{name} must be above 0 and at most {most:g}, found {value!r}")


class Budget:
    """The noise with which ``proposals`` trainings of ``steps`` steps each keep a promise, and what some cost.

    Parameters
    ----------
    privacy : Privacy
        The promise.
    n_events : int
        That are trained on; delta must be below one over them.
    batch_size : int
        Events of a step on average.
    epochs : int
        Of a proposal.
    proposals : int
        That will be made at most.
    """

    def __init__(self, privacy: Privacy, n_events: int, batch_size: int, epochs: int, proposals: int) -> None:
        try:
            from opacus.accountants.utils import get_noise_multiplier
        except ImportError as error:
            raise missing_extra("differential privacy", "private", error) from error
        if privacy.delta * n_events >= 1:
            raise DataError(f"delta {privacy.delta:g} must be below one over the {n_events:,} training events")
        self.privacy, self.rate = privacy, min(1.0, batch_size / n_events)
        self.steps, self.proposals = epochs * math.ceil(n_events / batch_size), proposals
        self.batch = self.rate * n_events
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that another order could be tighter: then epsilon is smaller still
            self.noise = float(
                get_noise_multiplier(
                    target_epsilon=privacy.epsilon,
                    target_delta=privacy.delta,
                    sample_rate=self.rate,
                    steps=self.steps * proposals,
                    accountant="rdp",
                )
            )

    def spent(self, proposals: int) -> float:
        """Epsilon of so many proposals."""
        if not proposals:
            return 0.0
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(self.noise, self.rate, self.steps * proposals)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(accountant.get_epsilon(self.privacy.delta))


def secret_of(file: Path) -> bytes:
    """A learner's own 32 random bytes, which noise is made of: whoever knows noise can take it away again."""
    if not file.exists():
        write_bytes(file, os.urandom(32), 0o600)
    with open_plain(file) as stream:
        found = stream.read(33)
    if len(found) != 32:
        raise DataError(f"{file} holds no secret of 32 bytes")
    return found


def private_form(model: nn.Module, name: str) -> DenseForm:
    """The model on the tensors of one event; DataError for a model with which there is no privacy to have."""
    norms = nn.modules.batchnorm._BatchNorm
    if any(isinstance(module, norms) for module in model.modules()):
        raise DataError(f"{name} has batch norm, by which events change each other's gradients: no privacy")
    form = model.dense_form() if isinstance(model, Model) else None
    if form is None:
        raise DataError(f"{name} has no form on single events: choose one that has, such as fcn, for privacy")
    return form


def private_gradients(
    form: DenseForm, loss: TaskLoss, batches: EventBatches, places: Any, budget: Budget, key: bytes
) -> Iterator[dict[str, Tensor]]:
    """For each step of a proposal the gradients by name, clipped event by event, noise of a secret ``key``."""
    random = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:8], "little") >> 1)
    places = torch.as_tensor(places)
    parameters = {name: p.detach() for name, p in form.named_parameters()}  # they change where they lie

    def of_one(values: dict[str, Tensor], nodes: Tensor, tokens: Tensor | None, y: Tensor, w: Tensor) -> Tensor:
        given = (nodes[None], None if tokens is None else tokens[None])
        output = functional_call(form, values, given)
        return loss.task.loss(output.float(), y[None], w[None], loss.balance)

    def clipped(*inputs: Any) -> dict[str, Tensor]:
        found = grad(of_one)(*inputs)
        norm = torch.stack([g.square().sum() for g in found.values()]).sum().sqrt()
        factor = (budget.privacy.max_grad_norm / norm.clamp(min=1e-12)).clamp(max=1.0)
        return {n: g * factor for n, g in found.items()}

    for _ in range(budget.steps):
        chosen = places[torch.rand(len(places), generator=random) < budget.rate]
        total = {n: torch.zeros_like(p) for n, p in parameters.items()}
        if len(chosen):
            batch = batches[Share(chosen.numpy(), 1.0)]
            tokens = _dense_tokens(batch.graphs)
            weight = torch.ones(len(chosen)) if batch.event_weight is None else batch.event_weight
            where = (None, 0, None if tokens is None else 0, 0, 0)
            each = vmap(clipped, in_dims=where, randomness="different", chunk_size=_CHUNK)
            found = each(parameters, batch.graphs.to_dense(), tokens, batch.target, weight)
            total = {n: g.sum(0) for n, g in found.items()}
        scale = budget.noise * budget.privacy.max_grad_norm
        yield {n: (g + scale * torch.randn(g.shape, generator=random)) / budget.batch for n, g in total.items()}


def _dense_tokens(graphs: GraphBatch) -> Tensor | None:
    """(B, max_nodes) int64, -1 where no node is."""
    if graphs.tokens is None:
        return None
    return graphs.on(graphs.tokens[:, None].float() + 1).to_dense()[..., 0].long() - 1
