"""Features, neighbours and graphs of jets: this package against vectorised NumPy, in turns, in one process.

``python benchmarks/features.py`` prints the rows as JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from pd4ml.datasets.top_tagging.features import COORDINATES, features
from pd4ml.datasets.top_tagging.graph import graphs
from pd4ml.graphs import PackedGraphs
from pd4ml.graphs.knn import knn

__all__ = ["rows"]

N_JETS = 20_000
REPEATS = 7
OUR_CALLS = 5
K = 7
P = 100
# Jets at a time for NumPy, whose temporary arrays are (N, 100, 100): a round number that fits into memory, as one
# writes it, and the fastest of 8 to 1,024, at which they stay in the processor's cache.
BATCH, BEST_BATCH = 1000, 32

Constituents = NDArray[np.float32]


def random_jets(n: int, seed: int = 0) -> Constituents:
    """(n, 200, 4) jets with as many constituents as the generated ones have: mean 53, standard deviation 20."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(rng.poisson(53 * rng.gamma(8, 1 / 8, n)), 1, 200)
    constituents = np.zeros((n, 200, 4), np.float32)
    for jet, size in enumerate(sizes):
        pt = np.sort(rng.exponential(600 / size, size))[::-1]
        eta, phi = rng.uniform(-2, 2) + rng.normal(0, 0.2, size), rng.uniform(-3, 3) + rng.normal(0, 0.2, size)
        p4 = [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
        constituents[jet, :size] = np.transpose(p4)
    return constituents


def numpy_features(constituents: Constituents) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(N, 100, 7) features, padded with zeros, and mask (N, 100), in float32."""
    jet = constituents.sum(axis=1, dtype=np.float64).astype(np.float32)[:, np.newaxis]
    leading = constituents[:, :P]
    mask = leading[..., 0] > 0

    def kinematics(p4: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        energy, px, py, pz = np.moveaxis(p4, -1, 0)
        pt = np.sqrt(px * px + py * py)
        real = energy > 0
        ones = np.ones_like(energy)
        log_pt, log_energy = np.log(pt, where=real, out=0 * ones), np.log(energy, where=real, out=0 * ones)
        return [log_pt, log_energy, np.arcsinh(np.divide(pz, pt, where=real, out=ones)), np.arctan2(py, px)]

    log_pt, log_energy, eta, phi = kinematics(leading)
    log_pt_jet, log_energy_jet, eta_jet, phi_jet = kinematics(jet)
    delta_eta = (eta - eta_jet) * np.where(eta_jet < 0, np.float32(-1), np.float32(1))
    delta_phi = phi - phi_jet
    delta_phi -= np.float32(2 * np.pi) * np.round(delta_phi / np.float32(2 * np.pi))
    delta_r = np.sqrt(delta_eta * delta_eta + delta_phi * delta_phi)
    columns = [log_pt, log_energy, delta_eta, delta_phi, log_pt - log_pt_jet, log_energy - log_energy_jet, delta_r]
    return np.stack(columns, axis=-1) * mask[..., np.newaxis], mask


def numpy_neighbours(nodes: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N, 100, 7) neighbours from the dense matrix of squared distances and argsort."""
    eta, phi = nodes[..., 2], nodes[..., 3]
    delta_eta = eta[:, :, np.newaxis] - eta[:, np.newaxis]
    delta_phi = np.abs(phi[:, :, np.newaxis] - phi[:, np.newaxis])
    np.minimum(delta_phi, np.float32(2 * np.pi) - delta_phi, out=delta_phi)
    delta_eta *= delta_eta
    delta_phi *= delta_phi
    delta_eta += delta_phi
    delta_eta += np.where(mask, np.float32(0), np.float32(np.inf))[:, np.newaxis]
    delta_eta[:, np.arange(P), np.arange(P)] = np.inf
    return np.argsort(delta_eta, axis=-1)[..., :K]


def numpy_adjacency(neighbours: NDArray[np.int64], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, 100, 100) symmetric adjacency of real nodes."""
    adjacency = np.zeros((*mask.shape, P), bool)
    np.put_along_axis(adjacency, neighbours, True, axis=-1)
    adjacency &= mask[:, :, np.newaxis] & mask[:, np.newaxis]
    adjacency[:, np.arange(P), np.arange(P)] = False
    return adjacency | adjacency.transpose(0, 2, 1)


def numpy_batches(
    constituents: Constituents, batch_size: int, *, adjacency: bool
) -> tuple[NDArray[np.generic], ...]:
    """Features and neighbours, or adjacency, of all jets."""
    n = len(constituents)
    nodes = np.empty((n, P, 7), np.float32)
    result = np.empty((n, P, P), bool) if adjacency else np.empty((n, P, K), np.int64)
    for start in range(0, n, batch_size):
        batch = slice(start, start + batch_size)
        nodes[batch], mask = numpy_features(constituents[batch])
        neighbours = numpy_neighbours(nodes[batch], mask)
        result[batch] = numpy_adjacency(neighbours, mask) if adjacency else neighbours
    return nodes, result


def neighbours_of(constituents: Constituents) -> tuple[NDArray[np.generic], ...]:
    """Features and neighbours, packed."""
    nodes, offsets = features(constituents)
    return nodes, knn(nodes[:, COORDINATES], offsets, K, period=2 * np.pi)


def graphs_of(constituents: Constituents) -> PackedGraphs:
    return graphs({"constituents": constituents}, {})


def check_equal(constituents: Constituents) -> None:
    """Both sides must compute the same, up to float32 rounding."""
    nodes, mask = numpy_features(constituents)
    packed = graphs_of(constituents)
    np.testing.assert_allclose(packed.nodes, nodes[mask], atol=2e-5)
    adjacency = numpy_adjacency(numpy_neighbours(nodes, mask), mask)
    n_different = int((adjacency != packed.adjacency().astype(bool)).sum())
    if n_different > 2e-4 * packed.edge_index.shape[1]:
        message = f"{n_different} of {packed.edge_index.shape[1]} edges differ"
        raise RuntimeError(message)


def time_in_turns(ours: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds of each.

    In a turn of ours, which takes some hundredth of NumPy's, there are several calls, of which the median counts:
    the first fetches memory anew, as NumPy's first batch of many does.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for function, calls, times in zip((ours, other), (OUR_CALLS, 1), seconds, strict=True):
            took = []
            for _ in range(calls):
                start = time.perf_counter()
                function()
                took.append(time.perf_counter() - start)
            times.append(statistics.median(took))
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def rows() -> list[dict[str, Any]]:
    """One row for features and neighbours, one for whole graphs; throughputs in jets/s."""
    constituents = random_jets(N_JETS)
    check_equal(constituents[:200])
    table = []
    neighbours, whole = ("TopTagging features and 7 neighbours", neighbours_of), ("TopTagging graphs", graphs_of)
    for (name, ours), batch_size, target in (
        (neighbours, BATCH, "at least 50"),
        (neighbours, BEST_BATCH, "shown"),
        (whole, BATCH, "shown"),
    ):
        adjacency = ours is graphs_of
        plain = partial(numpy_batches, constituents, batch_size, adjacency=adjacency)
        seconds = time_in_turns(partial(ours, constituents), plain)
        steps = "dense distances, argsort, adjacency" if adjacency else "dense distances, argsort"
        other_name = f"NumPy, {steps}, {batch_size} jets at a time"
        table.append(
            {
                "name": name,
                "ours": N_JETS / seconds[0],
                "other": N_JETS / seconds[1],
                "other_name": other_name,
                "unit": "jets/s",
                "ratio": seconds[1] / seconds[0],
                "target": target,
                "n": N_JETS,
                "repeats": REPEATS,
                "medians": {"ours_s": seconds[0], "other_s": seconds[1]},
                "threads": numba.get_num_threads(),
            }
        )
    return table


if __name__ == "__main__":
    print(json.dumps(rows(), indent=2))
