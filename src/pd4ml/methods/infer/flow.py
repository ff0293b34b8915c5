"""Conditional densities as flows: of a parameter in a box, given numbers that say something of it. Loads torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pd4ml.errors import DataError, missing_extra
from pd4ml.progress import progress

__all__ = ["Density", "Posterior", "fit"]

_FAR = 8.0  # standard deviations beyond which contexts are no farther: a rare event must not upset a training
_MOST = 4.0  # by which ln of the width may differ from that of the guess
_OF_PRIOR = 1e-3
_FLAT = 1e-7  # of the largest variance: directions of context that vary less are rounding


class Density(nn.Module):
    """q(y | context): a neural spline flow (arXiv:1906.04032) of y, moved and scaled as the context says.

    A spline alone has no place for densities that are a hundredth as wide as where they may lie. `start` gives it
    the best guess of second order, and brings contexts (.., C) to order one, without correlations. A guess lies
    where values have been: beyond contexts that were seen, a second order leads anywhere.
    """

    centre: Tensor
    whiten: Tensor
    ends: Tensor

    def __init__(self, n_values: int, n_context: int, width: int = 64) -> None:
        super().__init__()
        try:
            import zuko
        except ImportError as error:
            raise missing_extra("a posterior", "inference", error) from error
        self.flow = zuko.flows.NSF(n_values, n_context, transforms=n_values, hidden_features=(width, width))
        self.guess = nn.Linear(n_context + n_context * (n_context + 1) // 2, n_values)
        last = nn.Linear(width, 2 * n_values)
        self.affine = nn.Sequential(
            nn.Linear(n_context, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
        )
        for parameter in (*self.guess.parameters(), *last.parameters()):
            nn.init.zeros_(parameter)
        self.log_spread = nn.Parameter(torch.zeros(n_values))
        self.register_buffer("centre", torch.zeros(n_context))
        self.register_buffer("whiten", torch.eye(n_context))
        self.register_buffer("pairs", torch.triu_indices(n_context, n_context))
        self.register_buffer("ends", torch.tensor([[-math.inf] * n_values, [math.inf] * n_values]))

    @torch.no_grad()
    def start(self, values: Tensor, context: Tensor) -> None:
        """Take what is of order one from contexts (n, C), and the least-squares guess of ``values`` (n, D)."""
        centred = (context - context.mean(0)).double()
        variance, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
        self.centre.copy_(context.mean(0))
        self.whiten.copy_(axes * variance.clamp_min(_FLAT * float(variance.max())) ** -0.5)
        x = self._second_order(((context - self.centre) @ self.whiten).clamp(-_FAR, _FAR)).double()
        x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
        ridge = 1e-4 * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        solved = torch.linalg.solve(x.T @ x + ridge, x.T @ values.double())
        self.guess.weight.copy_(solved[:-1].T)
        self.guess.bias.copy_(solved[-1])
        lowest, highest = values.min(0).values, values.max(0).values
        margin = (highest - lowest) / 2
        self.ends.copy_(torch.stack([lowest - margin, highest + margin]))
        self.log_spread.copy_((values.double() - x @ solved).std(0).clamp_min(1e-6).log())

    def forward(self, values: Tensor, context: Tensor) -> Tensor:
        """The density's logarithm, (..), of ``values`` (.., D) given ``context`` (.., C)."""
        x, place, log_spread = self._parts(context)
        found: Tensor = self.flow(x).log_prob((values - place) * torch.exp(-log_spread)) - log_spread.sum(-1)
        return found

    def sample(self, context: Tensor, n: int) -> Tensor:
        """(n, B, D) draws for each ``context`` (B, C)."""
        x, place, log_spread = self._parts(context)
        found: Tensor = place + torch.exp(log_spread) * self.flow(x).sample((n,))
        return found

    def _parts(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = ((context - self.centre) @ self.whiten).clamp(-_FAR, _FAR)
        move, widen = self.affine(x).chunk(2, -1)
        guess = self.guess(self._second_order(x)).clamp(*self.ends)
        place = guess + move * self.log_spread.exp()
        return x, place, self.log_spread + _MOST * torch.tanh(widen / _MOST)

    def _second_order(self, x: Tensor) -> Tensor:
        first, second = self.get_buffer("pairs")
        return torch.cat([x, x[..., first] * x[..., second]], -1)


class Posterior(nn.Module):
    """q(theta | context) of parameters that the prior has uniform between ``low`` (D,) and ``high`` (D,).

    The flow sees theta's place in the prior as a normal deviate: nothing lies outside. A thousandth of each
    posterior is the prior, so that no single event can rule out what it cannot.
    """

    low: Tensor
    span: Tensor

    def __init__(self, low: Sequence[float], high: Sequence[float], n_context: int, width: int = 64) -> None:
        super().__init__()
        ends = torch.tensor([list(low), list(high)], dtype=torch.float32)
        self.register_buffer("low", ends[0])
        self.register_buffer("span", ends[1] - ends[0])
        self.density = Density(len(low), n_context, width)

    def start(self, theta: Tensor, context: Tensor) -> None:
        """Begin with the least-squares guess of ``theta`` (n, D) from ``context`` (n, C)."""
        self.density.start(self._deviate(theta), context)

    def forward(self, theta: Tensor, context: Tensor) -> Tensor:
        """The density's logarithm, (B,), of ``theta`` (B, D), in nats; the prior's is minus that of its volume."""
        deviate = self._deviate(theta)
        log_normal = (-0.5 * deviate**2 - 0.5 * math.log(2 * math.pi)).sum(-1)
        log_ratio = self.density(deviate, context) - log_normal + math.log(1 - _OF_PRIOR)
        found: Tensor = torch.logaddexp(log_ratio, torch.full_like(log_ratio, math.log(_OF_PRIOR)))
        return found - self.span.log().sum()

    @torch.no_grad()
    def sample(self, context: Tensor, n: int) -> Tensor:
        """(n, B, D) draws of theta for each ``context`` (B, C)."""
        # In double precision: near an end of the prior single draws are all alike.
        share = torch.special.ndtr(self.density.sample(context, n).double())
        of_prior = torch.rand(share.shape[:2], device=share.device)[..., None] < _OF_PRIOR
        found: Tensor = self.low + self.span * torch.where(of_prior, torch.rand_like(share), share)
        return found

    def _deviate(self, theta: Tensor) -> Tensor:
        found: Tensor = torch.special.ndtri(((theta - self.low) / self.span).clamp(1e-6, 1 - 1e-6))
        return found.to(self.low.dtype)


def fit(
    modules: Sequence[nn.Module],
    loss: Callable[[np.random.Generator], Tensor],
    valid: Callable[[], float],
    *,
    epochs: int,
    steps: int,
    learning_rate: float,
    seed: int,
    what: str = "training",
) -> NDArray[np.float64]:
    """Minimise ``loss``, of a batch that it draws, and leave the weights of the epoch with the smallest ``valid``.

    The learning rate falls as a cosine to nothing. Gives (epochs,) what ``valid`` was. DataError where a loss is
    not finite.
    """
    parameters = [p for module in modules for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps)
    rng, best = np.random.default_rng(seed), math.inf
    history: list[float] = []
    kept = [deepcopy(module.state_dict()) for module in modules]
    with progress(what, epochs, "epochs") as bar:
        for _ in range(epochs):
            for module in modules:
                module.train()
            for _ in range(steps):
                value = loss(rng)
                if not torch.isfinite(value):
                    raise DataError(f"the loss became {value.item()} while {what}: lower the learning rate")
                optimiser.zero_grad()
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(parameters, 5.0)
                optimiser.step()
                schedule.step()
            bar.advance(1)
            for module in modules:
                module.eval()
            with torch.no_grad():
                history.append(valid())
            if history[-1] < best:
                best, kept = history[-1], [deepcopy(module.state_dict()) for module in modules]
    for module, state in zip(modules, kept, strict=True):
        module.load_state_dict(state)
    return np.array(history)
