"""Like rows found by hashing, against NumPy's sorting."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pd4ml.models.batch import Expansion
from pd4ml.models.kernels.alike import alike_rows, alike_sums
from pd4ml.models.sparse import SparseMatrix

SEEDS = st.integers(0, 10_000)


@settings(deadline=None)
@given(SEEDS, st.integers(0, 60), st.integers(1, 4), st.booleans())
def test_rows_are_alike_if_their_features_and_kinds_are(seed: int, n: int, width: int, with_kinds: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (n, width)).astype(np.float32)
    kinds = rng.integers(0, 2, n) if with_kinds else None
    places, inverse = alike_rows(rows, kinds)
    keys = rows if kinds is None else np.column_stack([rows, kinds])
    assert len(places) == len(np.unique(keys, axis=0))
    assert np.array_equal(keys[places[inverse]], keys)
    assert np.array_equal(places, np.sort(places))  # each where it is seen first


def test_many_rows_that_differ_in_the_last_bit_are_told_apart() -> None:
    rows = np.arange(2**18, dtype=np.uint32).view(np.float32)[:, None]
    places, inverse = alike_rows(rows, None)
    assert np.array_equal(places, np.arange(len(rows)))
    assert np.array_equal(inverse, np.arange(len(rows)))


def test_double_precision_is_not_rounded() -> None:
    rows = np.array([[1.0], [1.0 + 1e-12], [1.0]])
    _, inverse = alike_rows(rows, None)
    assert inverse.tolist() == [0, 1, 0]


@settings(deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(1, 5))
def test_like_products_are_computed_once(seed: int, n: int, n_kinds: int) -> None:
    rng = np.random.default_rng(seed)
    degrees = rng.integers(0, 4, n)
    offsets = np.concatenate([[0], degrees.cumsum()])
    columns = rng.integers(0, n, offsets[-1])
    matrix = SparseMatrix(
        torch.from_numpy(columns),
        torch.from_numpy(offsets),
        torch.from_numpy(rng.choice([0.5, 0.25], offsets[-1])).float(),
    )
    kinds = rng.integers(0, n_kinds, n)
    distinct = torch.from_numpy(rng.normal(size=(n_kinds, 3))).float()
    expand = Expansion(torch.from_numpy(kinds), n_kinds)
    full = matrix.times(distinct[kinds])
    reduced, again = expand.of_products(matrix)
    found = reduced.times(distinct)
    torch.testing.assert_close(found if again is None else again(found), full)
    rows = {
        tuple(zip(kinds[columns[a:b]], matrix.weights[a:b].tolist(), strict=True)) for a, b in pairwise(offsets)
    }
    places, _ = alike_sums(kinds, columns, offsets, matrix.weights.numpy())
    assert len(places) == len(rows)
