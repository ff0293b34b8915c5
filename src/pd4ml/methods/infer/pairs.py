"""PAIRS: the posterior of what many events share, learnt from sets of one and two (arXiv:2605.07972). Loads torch.

An encoder makes numbers of each event, a set is the mean of its events' numbers, a head is the posterior given the
mean. Both learn together on sets of one and two, which tells the encoder all that a set of any size will need of
it. Then the encoder stays as it is, and a head learns what means of N events look like; each event goes through
the encoder once. The paper fine-tunes the head of the first stage. Here it starts anew, from the least-squares
guess, since means of many events have another spread than those of two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pd4ml.methods.infer.flow import Posterior, fit

__all__ = ["Means", "Sets", "fit_head", "of_size", "train_pairs"]

# Draws sets of two of n events: theta (m, D), the n events as the encoder takes them, which two (m, 2) are a set.
Sets = Callable[[np.random.Generator, int], tuple[Tensor, Any, Tensor]]
# Draws n sets: theta (n, D), and the mean of the numbers of each set's events (n, C).
Means = Callable[[np.random.Generator, int], tuple[Tensor, Tensor]]


def of_size(means: Tensor, size: int) -> Tensor:
    """(n, C + 1) the context of the first stage's head: the mean of ``size`` events, and ln of their number."""
    return torch.cat([means, means.new_full((len(means), 1), float(np.log(size)))], 1)


def train_pairs(
    encode: nn.Module,
    head: Posterior,
    draw: Sets,
    draw_valid: Sets,
    *,
    epochs: int,
    steps: int,
    batch: int = 128,
    n_valid: int = 2048,
    learning_rate: float = 1e-3,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Train ``encode`` (events -> (n, C)) and ``head`` on sets of one and of two of ``batch`` events.

    The context of ``head`` is that of `of_size`. Gives (epochs,) the validation loss: minus the mean
    ln posterior, in nats.
    """

    def loss(drawn: tuple[Tensor, Any, Tensor]) -> Tensor:
        theta, events, index = drawn
        numbers = encode(events)
        contexts = torch.stack([of_size(numbers[index[:, 0]], 1), of_size(numbers[index].mean(1), 2)])
        found: Tensor = -head(theta.expand(2, *theta.shape), contexts).mean()
        return found

    def valid() -> float:
        rng, n = np.random.default_rng(seed + 1), max(1, n_valid // batch)
        return sum(float(loss(draw_valid(rng, batch))) for _ in range(n)) / n

    return fit(
        (encode, head),
        lambda rng: loss(draw(rng, batch)),
        valid,
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
        what="training on sets of one and two",
    )


def fit_head(
    head: Posterior,
    draw: Means,
    draw_valid: Means,
    *,
    epochs: int = 8,
    steps: int = 60,
    batch: int = 256,
    n_start: int = 1000,
    learning_rate: float = 1e-2,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Train a new ``head`` on means of events, from the least-squares guess on. Gives (epochs,) the loss."""

    def loss(drawn: tuple[Tensor, Tensor]) -> Tensor:
        found: Tensor = -head(*drawn).mean()
        return found

    head.start(*draw(np.random.default_rng(seed + 2), n_start))
    checked = draw_valid(np.random.default_rng(seed + 1), n_start)
    return fit(
        (head,),
        lambda rng: loss(draw(rng, batch)),
        lambda: float(loss(checked)),
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
        what="training the posterior",
    )
