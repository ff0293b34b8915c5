"""Neighbours and edges against a plain reference that sorts every list."""

from __future__ import annotations

import itertools
import math
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from helpers.plain_graphs import plain_edges, plain_knn, plain_squared_distances
from pd4ml.errors import DataError
from pd4ml.graphs.knn import knn, symmetric_edges

Int = NDArray[np.int64]
Float = NDArray[np.float32]


def pack(sizes: list[int]) -> Int:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def random_events(sizes: list[int], seed: int = 0) -> tuple[Float, Int]:
    offsets = pack(sizes)
    points = np.random.default_rng(seed).normal(0, 0.3, (offsets[-1], 2)).astype(np.float32)
    return points, offsets


@pytest.fixture
def n_threads() -> Iterator[int]:
    """The number of threads, put back afterwards."""
    n = numba.get_num_threads()
    yield n
    numba.set_num_threads(n)


# Coordinates on a coarse grid make many ties, among them points at the same place.
COARSE = st.integers(-4, 4).map(lambda i: i * 0.75)
FINE = st.floats(-3.0, 3.0, width=32)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_knn_and_edges_equal_the_plain_reference(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 24), min_size=1, max_size=4))
    k = data.draw(st.sampled_from([1, 3, 7, 16]))
    period = data.draw(st.sampled_from([math.inf, 2 * math.pi]))
    element = data.draw(st.sampled_from([COARSE, FINE]))
    points = data.draw(hnp.arrays(np.float32, (sum(sizes), 2), elements=element))
    offsets = pack(sizes)
    neighbours = knn(points, offsets, k, period)
    expected = [plain_knn(points[a:b], k, period) for a, b in itertools.pairwise(offsets)]
    np.testing.assert_array_equal(neighbours, np.concatenate(expected))
    edge_index = symmetric_edges(neighbours, offsets)
    assert list(zip(*edge_index[::-1].tolist(), strict=True)) == plain_edges(neighbours, offsets)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_number_of_dimensions_and_periods_with_ties(data: st.DataObject) -> None:
    """On a coarse grid float32 arithmetic is exact, so that all distances and ties equal those in float64."""
    sizes = data.draw(st.lists(st.integers(0, 24), min_size=1, max_size=3))
    n_dimensions = data.draw(st.integers(1, 7))
    k = data.draw(st.sampled_from([1, 7]))
    period = data.draw(
        st.lists(st.sampled_from([math.inf, 6.0, 12.0]), min_size=n_dimensions, max_size=n_dimensions)
    )
    points = data.draw(hnp.arrays(np.float32, (sum(sizes), n_dimensions), elements=COARSE))
    offsets = pack(sizes)
    expected = [plain_knn(points[a:b].astype(np.float64), k, period) for a, b in itertools.pairwise(offsets)]
    np.testing.assert_array_equal(knn(points, offsets, k, period), np.concatenate(expected))


@pytest.mark.parametrize("n_dimensions", [1, 3, 4, 7, 64, 129])
@pytest.mark.parametrize("wrapped", [False, True])
def test_distances_are_the_smallest_in_double_precision(n_dimensions: int, wrapped: bool) -> None:
    sizes = [1, 20, 97, 128, 129, 300]
    offsets = pack(sizes)
    points = np.random.default_rng(2).uniform(-np.pi, np.pi, (offsets[-1], n_dimensions)).astype(np.float32)
    period = [2 * math.pi if wrapped and c % 3 < 2 else math.inf for c in range(n_dimensions)]
    neighbours = knn(points, offsets, 7, period)
    for low, high in itertools.pairwise(offsets):
        squared = plain_squared_distances(points[low:high].astype(np.float64), period)
        np.fill_diagonal(squared, np.inf)
        n = min(7, high - low - 1)
        found = np.take_along_axis(squared, neighbours[low:high, :n].astype(np.int64), axis=1)
        np.testing.assert_allclose(found, np.sort(squared, axis=1)[:, :n], rtol=2e-6)
        assert (neighbours[low:high, n:] == -1).all()


def test_turning_all_angles_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    angles, offsets = rng.uniform(-np.pi, np.pi, (200, 3)), pack([60, 140])
    turned = np.remainder(angles + np.array([1.0, -2.0, 3.0]) + np.pi, 2 * np.pi) - np.pi
    period = [2 * math.pi] * 3
    before, after = (knn(a.astype(np.float32), offsets, 7, period) for a in (angles, turned))
    np.testing.assert_array_equal(before, after)
    assert (before != knn(angles.astype(np.float32), offsets, 7)).any()


def test_some_points_whose_order_is_in_the_last_bits() -> None:
    """Short keys leave out seven bits: a few points are then done again one by one."""
    for seed in range(5):
        points, offsets = random_events([100], seed)
        around = points[50] + np.float32(0.01) * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
        points[[3, 20, 70, 99]] = around
        np.testing.assert_array_equal(knn(points, offsets, 7), plain_knn(points, 7))


def test_events_larger_than_a_group_of_lanes() -> None:
    sizes = [127, 128, 129, 300]
    points, offsets = random_events(sizes)
    neighbours = knn(points, offsets, 7)
    expected = [plain_knn(points[a:b], 7, math.inf) for a, b in itertools.pairwise(offsets)]
    np.testing.assert_array_equal(neighbours, np.concatenate(expected))


def test_of_equally_distant_points_the_lower_number_comes_first() -> None:
    square = np.array([[0, 0], [0, 1], [1, 0], [0, -1], [-1, 0], [0, 0]], np.float32)
    assert knn(square, np.array([0, 6]), 4)[0].tolist() == [5, 1, 2, 3]


def test_distances_that_differ_in_the_last_bits_only_are_told_apart() -> None:
    one = np.float32(1)
    farther = [one]
    for _ in range(7):
        farther.append(np.nextafter(farther[-1], np.float32(2)))
    points = np.array([(0, 0)] + [(x, 0) for x in farther[::-1]], np.float32)
    assert knn(points, np.array([0, 9]), 7)[0].tolist() == [8, 7, 6, 5, 4, 3, 2]


def test_the_second_coordinate_is_periodic_only_where_asked() -> None:
    points = np.array([[0, 3.1], [0, -3.1], [0, 2.5]], np.float32)
    assert knn(points, np.array([0, 3]), 1, 2 * math.pi).ravel().tolist() == [1, 0, 0]
    assert knn(points, np.array([0, 3]), 1).ravel().tolist() == [2, 2, 0]


def test_fewer_points_than_neighbours() -> None:
    points, offsets = random_events([1, 3, 0])
    neighbours = knn(points, offsets, 7)
    assert neighbours[0].tolist() == [-1] * 7
    assert [sorted(row[row >= 0].tolist()) for row in neighbours[1:]] == [[1, 2], [0, 2], [0, 1]]
    assert symmetric_edges(neighbours, offsets).tolist() == [[2, 3, 1, 3, 1, 2], [1, 1, 2, 2, 3, 3]]


@pytest.mark.parametrize("sizes", [[], [0], [0, 0]])
def test_no_points(sizes: list[int]) -> None:
    points, offsets = random_events(sizes)
    neighbours = knn(points, offsets, 7)
    assert neighbours.shape == (0, 7)
    assert symmetric_edges(neighbours, offsets).shape == (2, 0)


def test_a_slice_of_wider_nodes_gives_the_same() -> None:
    points, offsets = random_events([30, 40])
    nodes = np.zeros((70, 7), np.float32)
    nodes[:, 2:4] = points
    nodes.flags.writeable = False
    np.testing.assert_array_equal(knn(nodes[:, 2:4], offsets, 5), knn(points, offsets, 5))


def test_the_result_does_not_depend_on_the_number_of_threads(n_threads: int) -> None:
    points, offsets = random_events(np.random.default_rng(1).integers(0, 40, 1500).tolist())
    results = []
    for n in (1, n_threads):
        numba.set_num_threads(n)
        neighbours = knn(points, offsets, 7)
        results.append((neighbours, symmetric_edges(neighbours, offsets)))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_many_dimensions_are_shared_among_threads_and_bad_points_still_named() -> None:
    offsets = pack([90] * 40)
    points = np.random.default_rng(4).normal(size=(offsets[-1], 120)).astype(np.float32)
    expected = knn(points, offsets, 7, threads=1)
    for threads in (2, 3, 64):
        np.testing.assert_array_equal(knn(points, offsets, 7, threads=threads), expected)
    points[[90 * 17 + 5, 90 * 39], 119] = np.nan
    with pytest.raises(DataError, match="event 17: point 5 is"):
        knn(points, offsets, 7, threads=3)


def test_several_threads_may_call_at_once() -> None:
    points, offsets = random_events([50] * 600)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: knn(points, offsets, 7), range(8)))
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def _edges_of(sizes: list[int]) -> Int:
    points, offsets = random_events(sizes)
    return symmetric_edges(knn(points, offsets, 7), offsets)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
# Python 3.12 warns of forks while threads run; a data loader does just that.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_may_call_it() -> None:
    sizes = [20] * 600
    expected = _edges_of(sizes)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply_async(_edges_of, (sizes,)).get(timeout=60), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
def test_the_first_event_with_a_point_that_is_not_finite_is_named(bad: float) -> None:
    points, offsets = random_events([2] * 1000)
    points[[1399, 1900], 1] = bad
    with pytest.raises(DataError, match="event 699: point 1 is"):
        knn(points, offsets, 3)


@pytest.mark.parametrize(
    ("points", "offsets", "k", "message"),
    [
        (np.zeros((3, 2)), [0, 3], 1, "float32"),
        (np.zeros((3, 0), np.float32), [0, 3], 1, r"\(sum P, C\)"),
        (np.zeros(3, np.float32), [0, 3], 1, r"\(sum P, C\)"),
        (np.zeros((3, 2), np.float32), [0, 2], 1, "number of points, 3"),
        (np.zeros((3, 2), np.float32), [0, 4], 1, "number of points, 3"),
        (np.zeros((3, 2), np.float32), [0, 2, 1, 3], 1, "rise"),
        (np.zeros((3, 2), np.float32), [1, 3], 1, "rise from 0"),
        (np.zeros((3, 2), np.float32), [], 1, "rise from 0"),
        (np.zeros((3, 2), np.float32), [0, 3], 0, "k = 0"),
    ],
)
def test_other_shapes_and_offsets_are_refused(points: Float, offsets: list[int], k: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        knn(points, np.array(offsets), k)


@pytest.mark.parametrize("period", [[1.0], [1.0, 2.0, 3.0], [1.0, 0.0], -1.0, math.nan])
def test_periods_are_one_above_zero_for_each_coordinate(period: float | list[float]) -> None:
    with pytest.raises(DataError, match="a period above 0 for each of 2 coordinates"):
        knn(np.zeros((3, 2), np.float32), np.array([0, 3]), 1, period)


@pytest.mark.parametrize("bad", [2, 100, -2])
def test_a_neighbour_outside_of_the_event_is_refused(bad: int) -> None:
    neighbours = np.zeros((1000, 1), np.int32)
    neighbours[701] = bad
    with pytest.raises(DataError, match="event 350"):
        symmetric_edges(neighbours, pack([2] * 500))
