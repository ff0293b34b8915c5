"""Normalising flows of zuko, and how they are fitted. Loads torch; import it where unfolding starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pd4ml.errors import missing_extra

__all__ = ["Climber", "Standard", "alone", "drawn", "flow"]


@contextmanager
def alone(seed: int) -> Iterator[None]:
    """Random numbers from ``seed``, and one thread, which suits small networks; then the caller's again."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def flow(features: int, context: int, *, transforms: int, bins: int, width: int) -> Any:
    """A neural spline flow (arXiv:1906.04032) of ``features`` numbers, given ``context`` others."""
    try:
        import zuko
    except ImportError as error:
        raise missing_extra("unfolding with flows", "inference", error) from error
    return zuko.flows.NSF(features, context, transforms=transforms, bins=bins, hidden_features=(width, width))


class Standard:
    """Mean 0 and spread 1 in every column of the ``values`` (N, K) that it was made from."""

    def __init__(self, values: Tensor) -> None:
        self.mean, self.spread = values.mean(0), values.std(0)

    def apply(self, values: Tensor) -> Tensor:
        """``values`` in units of the spread."""
        return (values - self.mean) / self.spread

    def undo(self, values: Tensor) -> Tensor:
        """Back in the units of the observables."""
        return values * self.spread + self.mean


class Climber:
    """Adam up an objective, for ``steps`` in all, the rate falling from ``rate`` to zero along a cosine."""

    def __init__(self, parameters: Iterable[Tensor], rate: float, steps: int) -> None:
        self.optimiser = torch.optim.Adam(parameters, lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, steps)

    def climb(self, objective: Callable[[], Tensor], steps: int) -> None:
        """``steps`` of them; each calls ``objective``, which draws its own events."""
        for _ in range(steps):
            self.optimiser.zero_grad()
            loss = -objective()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()


def drawn(weight: Tensor) -> Callable[[int], Tensor]:
    """What draws so many events, each as often as its ``weight`` (N,) says, with replacement."""
    summed = torch.cumsum(weight.double(), 0)

    def draw(size: int) -> Tensor:
        at = torch.rand(size, dtype=torch.float64) * summed[-1]
        return torch.searchsorted(summed, at, right=True).clamp(max=len(summed) - 1)

    return draw
