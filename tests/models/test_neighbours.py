"""The search for neighbours of networks: its compiled and its plain form against each other and brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.plain_graphs import plain_knn, plain_squared_distances
from pd4ml.graphs import knn as compiled
from pd4ml.models.batch import GraphBatch
from pd4ml.models.neighbours import Neighbours, dense_places, nearest

SIZES = [20, 0, 1, 5, 33, 2]


def batch_of(points: Tensor, sizes: list[int]) -> GraphBatch:
    offsets = torch.tensor([0, *sizes]).cumsum(0)
    return GraphBatch(points, torch.zeros(2, 0, dtype=torch.int64), offsets, max(sizes, default=0))


def random_points(sizes: list[int], n_dimensions: int, seed: int = 0) -> Tensor:
    return torch.randn(sum(sizes), n_dimensions, generator=torch.Generator().manual_seed(seed))


def as_lists(edges: Neighbours) -> list[list[int]]:
    """The neighbours of each node."""
    assert torch.equal(edges.target, torch.repeat_interleave(edges.degree))
    return [edges.source[low:high].tolist() for low, high in itertools.pairwise(edges.offsets.tolist())]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 24), max_size=4),
    st.sampled_from([1, 5, 8]),
    st.integers(1, 9),
    st.booleans(),
    st.integers(0, 9999),
)
def test_both_forms_equal_brute_force_where_points_tie(
    sizes: list[int], k: int, n_dimensions: int, itself: bool, seed: int
) -> None:
    """On a coarse grid all arithmetic is exact: nothing but the rule for ties decides."""
    points = torch.from_numpy(
        np.random.default_rng(seed).integers(-2, 3, (sum(sizes), n_dimensions)) * 0.5
    ).float()
    batch = batch_of(points, sizes)
    expected = []
    for low, high in itertools.pairwise(batch.offsets.tolist()):
        for i, row in enumerate(plain_knn(points[low:high].double().numpy(), k - itself)):
            expected.append([low + i] * itself + [low + int(j) for j in row if j >= 0])
    for plain in (False, True):
        assert as_lists(nearest(points, batch, k, itself=itself, plain=plain)) == expected


@pytest.mark.parametrize("n_dimensions", [2, 4, 5, 64])
@pytest.mark.parametrize("plain", [False, True])
def test_distances_are_the_smallest_in_double_precision(n_dimensions: int, plain: bool) -> None:
    points = random_points(SIZES, n_dimensions) + 3  # away from zero, where a matrix product loses digits
    batch = batch_of(points, SIZES)
    lists = as_lists(nearest(points, batch, 8, plain=plain))
    for low, high in itertools.pairwise(batch.offsets.tolist()):
        squared = plain_squared_distances(points[low:high].double().numpy())
        np.fill_diagonal(squared, np.inf)
        for i in range(high - low):
            n = min(8, high - low - 1)
            found = squared[i, [j - low for j in lists[low + i]]]
            np.testing.assert_allclose(found, np.sort(squared[i])[:n], rtol=2e-5)


def test_the_compiled_form_is_used_on_a_cpu_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def knn(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return original(*args, **options)

    original = compiled.knn
    monkeypatch.setattr(compiled, "knn", knn)
    points = random_points(SIZES, 3)
    batch = batch_of(points, SIZES)
    lists = as_lists(nearest(points, batch, 4))
    assert len(calls) == 1
    assert as_lists(nearest(points.double(), batch, 4)) == lists
    assert as_lists(nearest(points, batch, 4, plain=True)) == lists
    nearest(random_points([129], 513), batch_of(random_points([129], 513), [129]), 4)  # the plain form is faster
    assert len(calls) == 1


def test_the_form_on_fixed_shapes_can_be_exported() -> None:
    class Search(nn.Module):
        def forward(self, points: Tensor, mask: Tensor) -> Tensor:
            return dense_places(points, mask, 4)

    mask = torch.arange(9) < torch.tensor([9, 0, 5, 2])[:, None]
    exported = torch.export.export(Search(), (torch.randn(4, 9, 6), mask)).module()
    points = random_points([36], 6).view(4, 9, 6)
    found = exported(points, mask)
    sizes = mask.sum(1).tolist()
    packed = as_lists(nearest(points[mask], batch_of(points[mask], sizes), 4))
    node = 0
    for graph, size in enumerate(sizes):
        low = node
        for place in range(size):
            n = min(4, size - 1)
            assert (found[graph, place, :n] + low).tolist() == packed[node]
            node += 1


def test_a_network_that_pytorch_compiles_has_the_same_neighbours() -> None:
    points = random_points(SIZES, 6)
    batch = batch_of(points, SIZES)
    compiled_search = torch.compile(nearest, backend="eager")
    assert as_lists(compiled_search(points, batch, 4)) == as_lists(nearest(points, batch, 4))


def test_mixed_precision_leaves_neighbours_as_they_are() -> None:
    points = random_points(SIZES, 16)
    batch = batch_of(points, SIZES)
    expected = as_lists(nearest(points, batch, 4))
    with torch.autocast("cpu", torch.bfloat16):
        for plain in (False, True):
            assert as_lists(nearest(points, batch, 4, plain=plain)) == expected
    coarse = points.to(torch.bfloat16)
    for plain in (False, True):
        assert as_lists(nearest(coarse, batch, 4, plain=plain)) == as_lists(nearest(coarse.float(), batch, 4))


def test_neighbours_have_no_gradient() -> None:
    points = random_points(SIZES, 3).requires_grad_()
    edges = nearest(points, batch_of(points, SIZES), 4)
    assert as_lists(edges) == as_lists(nearest(points, batch_of(points, SIZES), 4, plain=True))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_points_that_are_not_finite_have_neighbours_of_their_graph(bad: float) -> None:
    points = random_points(SIZES, 3)
    points[[2, 22]] = bad
    batch = batch_of(points, SIZES)
    edges = nearest(points, batch, 4)
    assert edges.degree.tolist() == [min(4, n - 1) for n in SIZES for _ in range(n)]
    assert torch.equal(batch.graph_index[edges.source], batch.graph_index[edges.target])
    assert (edges.source != edges.target).all()
