"""One method on one problem: what it finds, with errors from replicas, and whether it can be believed.

In a replica every event of data and simulation counts as often as a Poisson number of mean one says, and
everything is done again. Tests go along: against the truth of the data (pseudo-data), closure (one half of the
simulation unfolds the other), stress (that half with another truth), and the bottom line of arXiv:1607.07038: what
is unfolded must not exclude an alternative better than the data before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.methods.unfold.common import Floats, chi2, counts, floor, response_of, triangular
from pd4ml.methods.unfold.ibu import ibu
from pd4ml.methods.unfold.omnifold import omnifold

__all__ = ["METHODS", "TILT", "Axis", "Options", "Pairs", "measure"]

# The truth of the stress test is the simulation's times exp(TILT z), z the observable in units of its spread.
TILT = 0.5
_IBU_REPLICAS = 200  # they take milliseconds


@dataclass(frozen=True)
class Axis:
    """An observable and its bins at both levels; of whole numbers (``whole``) edges lie between them."""

    name: str
    unit: str
    edges: Floats
    detector_edges: Floats
    whole: bool = False


@dataclass(frozen=True)
class Pairs:
    """Events at both levels, (N, K) each, and their weights (N,)."""

    particle: Floats
    detector: Floats
    weight: Floats

    def choose(self, index: NDArray[np.int64]) -> Pairs:
        """Some of them."""
        return Pairs(self.particle[index], self.detector[index], self.weight[index])

    def times(self, factor: NDArray[Any]) -> Pairs:
        """The same with other weights."""
        return replace(self, weight=self.weight * factor)


@dataclass(frozen=True)
class Options:
    """``iterations`` of `ibu` and `omnifold`; ``bootstrap`` replicas of `omnifold`; ``members`` of `spinup`."""

    iterations: int = 4
    bootstrap: int = 20
    members: int = 5
    seed: int = 1


Method = Callable[[Pairs, Pairs, tuple[Axis, ...], int, int], list[Floats]]


def _ibu(simulation: Pairs, data: Pairs, axes: tuple[Axis, ...], iterations: int, seed: int) -> list[Floats]:
    found = []
    for k, axis in enumerate(axes):
        x, y = simulation.particle[:, k], simulation.detector[:, k]
        response = response_of(x, y, axis.edges, axis.detector_edges, simulation.weight)
        measured = counts(data.detector[:, k], axis.detector_edges, data.weight)
        found.append(ibu(measured, response, counts(x, axis.edges, simulation.weight), iterations))
    return found


def _omnifold(simulation: Pairs, data: Pairs, axes: tuple[Axis, ...], iterations: int, seed: int) -> list[Floats]:
    weight = simulation.weight * omnifold(
        simulation.particle,
        simulation.detector,
        data.detector,
        iterations,
        weight=simulation.weight,
        data_weight=data.weight,
        seed=seed,
    )
    return _spectra(simulation.particle, axes, weight * (data.weight.sum() / weight.sum()))


def _spinup(simulation: Pairs, data: Pairs, axes: tuple[Axis, ...], iterations: int, seed: int) -> list[Floats]:
    from pd4ml.methods.unfold.spinup import spinup

    sample = spinup(
        simulation.particle,
        simulation.detector,
        data.detector,
        weight=simulation.weight,
        data_weight=data.weight,
        seed=seed,
    )
    return _spectra(sample, axes, np.full(len(sample), data.weight.sum() / len(sample)))


METHODS: dict[str, Method] = {"ibu": _ibu, "omnifold": _omnifold, "spinup": _spinup}


def measure(
    name: str,
    simulation: Pairs,
    data: Pairs,
    axes: tuple[Axis, ...],
    options: Options,
    tell: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """What the method called ``name`` makes of ``data``, for each axis: plain values, and arrays of replicas.

    ``data`` has a particle level that is only used to judge. ``tell`` hears what is being done.
    """
    method = METHODS[name]

    def once(first: Pairs, second: Pairs, seed: int) -> list[Floats]:
        return method(first, second, axes, options.iterations, seed)

    tell(f"{name}: replicas")
    n = {"ibu": _IBU_REPLICAS, "omnifold": options.bootstrap, "spinup": options.members}[name]
    replicas = _replicas(once, simulation, data, n, options.seed, "both")
    # Flows fluctuate with their seed: what is quoted is the mean of the ensemble.
    values = [r.mean(axis=0) for r in replicas] if name == "spinup" else once(simulation, data, options.seed)
    results = [_result(v, r, data, k, axes[k]) for k, (v, r) in enumerate(zip(values, replicas, strict=True))]
    if name == "ibu":
        for part in ("data", "simulation"):
            for result, r in zip(results, _replicas(once, simulation, data, n, options.seed, part), strict=True):
                result[f"errors_{part}"] = r.std(axis=0, ddof=1)
    tell(f"{name}: closure and stress")
    for what, tested in _tests(once, simulation, axes, options.seed).items():
        for result, found in zip(results, tested, strict=True):
            result[what] = found
    for k, result in enumerate(results):
        result["bottom_line"] = _bottom_line(result, simulation, data, k, axes[k])
    return results


def _spectra(particle: Floats, axes: tuple[Axis, ...], weight: Floats) -> list[Floats]:
    return [counts(particle[:, k], axis.edges, weight) for k, axis in enumerate(axes)]


def _replicas(
    once: Callable[[Pairs, Pairs, int], list[Floats]],
    simulation: Pairs,
    data: Pairs,
    n: int,
    seed: int,
    part: str,
) -> list[Floats]:
    """(n, P) for each axis; ``part`` says what fluctuates."""
    found = []
    for r in range(n):
        rng = np.random.default_rng([seed, r])
        first, second = rng.poisson(1, len(simulation.weight)), rng.poisson(1, len(data.weight))
        varied = simulation if part == "data" else simulation.times(first)
        found.append(once(varied, data if part == "simulation" else data.times(second), seed + 1000 * (r + 1)))
    return [np.array(each) for each in zip(*found, strict=True)]


def _result(values: Floats, replicas: Floats, data: Pairs, k: int, axis: Axis) -> dict[str, Any]:
    truth = counts(data.particle[:, k], axis.edges, data.weight)
    covariance = np.atleast_2d(np.cov(replicas.T))
    distances = [triangular(r, truth) for r in replicas]
    return {
        "values": values,
        "errors": replicas.std(axis=0, ddof=1),
        "triangular": {"value": triangular(values, truth), "error": float(np.std(distances, ddof=1))},
        "chi2": _chi2(values - truth, covariance, len(replicas)),
        "replicas": replicas,
        "covariance": covariance,
    }


def _chi2(difference: Floats, covariance: Floats, n_replicas: int | None) -> dict[str, Any] | None:
    """In the bins that fluctuate at all; None where too few replicas tell of them."""
    used = np.diag(covariance) > 0
    bins = int(used.sum())
    if n_replicas is not None and n_replicas < 2 * bins:
        return None
    return {"value": chi2(difference[used], covariance[np.ix_(used, used)], n_replicas), "bins": bins}


def _tests(
    once: Callable[[Pairs, Pairs, int], list[Floats]], simulation: Pairs, axes: tuple[Axis, ...], seed: int
) -> dict[str, list[dict[str, float]]]:
    """Triangular discriminators before and after: of a half, and of it with its first observable tilted."""
    order = np.random.default_rng([seed, 1 << 20]).permutation(len(simulation.weight))
    first, second = (simulation.choose(half) for half in np.array_split(order, 2))
    found = {}
    for what, sign in (("closure", 0), ("stress", 1)):
        other = second.times(_tilt(second.particle[:, 0], sign))
        truth, prior = (_spectra(p.particle, axes, p.weight) for p in (other, first))
        after = once(first, other, seed)
        found[what] = [
            {"before": triangular(p, t), "after": triangular(a, t), "floor": _floor(t, first, other)}
            for p, t, a in zip(prior, truth, after, strict=True)
        ]
    return found


def _floor(truth: Floats, first: Pairs, second: Pairs) -> float:
    sizes = (p.weight.sum() ** 2 / (p.weight**2).sum() for p in (first, second))
    return floor(int((truth > 0).sum()), *sizes)


def _tilt(values: Floats, sign: int) -> Floats:
    factor = np.exp(sign * TILT * (values - values.mean()) / values.std())
    return np.asarray(factor / factor.mean())


def _bottom_line(
    result: dict[str, Any], simulation: Pairs, data: Pairs, k: int, axis: Axis
) -> dict[str, Any] | None:
    """Chi square of the simulation's truth before and after; None where there are too few replicas."""
    total = data.weight.sum()
    measured = counts(data.detector[:, k], axis.detector_edges, data.weight)
    fluctuation = counts(data.detector[:, k], axis.detector_edges, data.weight**2)
    weight = simulation.weight * (total / simulation.weight.sum())
    folded = counts(simulation.detector[:, k], axis.detector_edges, weight)
    noise = fluctuation + counts(simulation.detector[:, k], axis.detector_edges, weight**2)
    before = _chi2(measured - folded, np.diag(noise), None)
    truth = counts(simulation.particle[:, k], axis.edges, weight)
    after = _chi2(result["values"] - truth, result["covariance"], len(result["replicas"]))
    return None if before is None or after is None else {"detector": before, "particle": after}
