"""SPINUP (arXiv:2507.15084): unfolding without bins and without the simulation's prior.

The simulation only teaches p(detector | particle). The particle level is a flow p(particle) that maximises the
likelihood of the data, sum over events y of log of the integral of p(y | x) p(x) dx. The integral is by neural
importance sampling: points are of a third flow q(x | y), which learns, round by round, where the integrand lies.

Sizes of flows, steps, rates and rounds were chosen here, on Gaussian toys: those of the paper are not known. The
particle level's flow is small and its rate large: with more bins or a small rate it stays where it began.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pd4ml.methods.unfold.common import Floats
from pd4ml.methods.unfold.flows import Climber, Standard, alone, drawn, flow

__all__ = ["source_flow", "spinup"]

_BATCH = 512
_STEPS, _RATE = 600, 5e-3  # of p(y | x) and of the first q(x | y)
_ROUNDS, _STEPS_OF_A_ROUND, _SOURCE_RATE = 12, 60, 2e-2
_POINTS = 8  # of q for each event
_EVENTS = 8192  # of a round
_PROPOSAL_STEPS, _PROPOSAL_RATE = 20, 5e-4


def source_flow(features: int) -> Any:
    """The particle level, p(x)."""
    return flow(features, 0, transforms=features, bins=5, width=32)


def spinup(
    particle: Floats,
    detector: Floats,
    data: Floats,
    *,
    weight: Floats | None = None,
    data_weight: Floats | None = None,
    seed: int = 1,
    n_samples: int = 100_000,
) -> Floats:
    """A sample (n_samples, K) of the data's particle level.

    Parameters
    ----------
    particle, detector : (N, K)
        The simulation's observables at both levels; of whole numbers, spread over their unit.
    data : (M, K)
        What was measured.
    weight, data_weight : (N,), (M,)
        Weights of events, such as those of a bootstrap.
    seed : int
        Of networks, events and points.
    n_samples : int
        Size of the sample.
    """
    with alone(seed):
        x, y, measured = (torch.as_tensor(v, dtype=torch.float32) for v in (particle, detector, data))
        at_particle, at_detector = Standard(x), Standard(y)
        x, y, measured = at_particle.apply(x), at_detector.apply(y), at_detector.apply(measured)
        w, v = (
            torch.ones(n) if given is None else torch.as_tensor(given, dtype=torch.float32)
            for n, given in ((len(x), weight), (len(measured), data_weight))
        )
        forward, proposal = _conditional(y, x, w), _conditional(x, y, w)
        source = _source(forward, proposal, measured, v)
        with torch.no_grad():
            sample: Floats = at_particle.undo(source().sample((n_samples,))).double().numpy()
    return sample


def _conditional(values: Tensor, given: Tensor, weight: Tensor) -> Any:
    """A flow that has learned p(values | given) from pairs (N, K)."""
    model, draw = flow(values.shape[1], given.shape[1], transforms=2, bins=8, width=64), drawn(weight)

    def likelihood() -> Tensor:
        chosen = draw(_BATCH)
        found: Tensor = model(given[chosen]).log_prob(values[chosen]).mean()
        return found

    Climber(model.parameters(), _RATE, _STEPS).climb(likelihood, _STEPS)
    return model


def _source(forward: Any, proposal: Any, data: Tensor, weight: Tensor) -> Any:
    """The flow p(x) under which ``data`` (M, K) are likeliest."""
    source, draw = source_flow(data.shape[1]), drawn(weight)
    climber = Climber(source.parameters(), _SOURCE_RATE, _ROUNDS * _STEPS_OF_A_ROUND)
    for _ in range(_ROUNDS):
        y = data[draw(_EVENTS)]
        with torch.no_grad():
            near = proposal(y)
            x = near.sample((_POINTS,))  # (P, E, K)
            ratio = forward(x).log_prob(y.expand(_POINTS, -1, -1)) - near.log_prob(x)  # (P, E)

        def likelihood(x: Tensor = x, ratio: Tensor = ratio) -> Tensor:
            chosen = torch.randint(ratio.shape[1], (_BATCH,))
            return torch.logsumexp(ratio[:, chosen] + source().log_prob(x[:, chosen]), 0).mean()

        climber.climb(likelihood, _STEPS_OF_A_ROUND)
        with torch.no_grad():
            share = torch.softmax(ratio + source().log_prob(x), 0)
            taken = x[torch.multinomial(share.T, 1)[:, 0], torch.arange(len(y))]

        def closeness(taken: Tensor = taken, y: Tensor = y) -> Tensor:
            chosen = torch.randint(len(y), (_BATCH,))
            found: Tensor = proposal(y[chosen]).log_prob(taken[chosen]).mean()
            return found

        Climber(proposal.parameters(), _PROPOSAL_RATE, _PROPOSAL_STEPS).climb(closeness, _PROPOSAL_STEPS)
    return source
