import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd4ml.errors import DataError
from pd4ml.graphs.tree import tree_edges


@st.composite
def forests(draw: st.DrawFn) -> tuple[list[list[int]], list[list[bool]]]:
    """Forests in any order of particles, with padding anywhere."""
    n_places = draw(st.integers(1, 12))
    mothers, masks = [], []
    for _ in range(draw(st.integers(0, 5))):
        mask = draw(st.lists(st.booleans(), min_size=n_places, max_size=n_places))
        order = draw(st.permutations([i for i in range(n_places) if mask[i]]))
        mother = draw(st.lists(st.integers(-1, 99), min_size=n_places, max_size=n_places))  # padding: anything
        for rank, place in enumerate(order):
            mother[place] = draw(st.sampled_from([-1, *order[:rank]]))
        mothers.append(mother)
        masks.append(mask)
    return mothers, masks


def as_arrays(mothers: list[list[int]], masks: list[list[bool]]) -> tuple[np.ndarray, np.ndarray]:
    shape = (len(mothers), len(mothers[0]) if mothers else 3)
    return np.array(mothers, np.int16).reshape(shape), np.array(masks, bool).reshape(shape)


@given(forests())
def test_every_mother_and_daughter_are_joined_and_nobody_else(
    forest: tuple[list[list[int]], list[list[bool]]],
) -> None:
    expected, numbers, n = set(), [], 0
    for mother, mask in zip(*forest, strict=True):
        number = {}
        for place, real in enumerate(mask):
            if real:
                number[place] = n
                n += 1
        numbers.append(n)
        for place in number:
            if mother[place] >= 0:
                expected |= {(number[place], number[mother[place]]), (number[mother[place]], number[place])}
    edge_index, offsets = tree_edges(*as_arrays(*forest))
    assert offsets.tolist() == [0, *numbers]
    assert edge_index.shape == (2, len(expected))
    assert list(zip(*edge_index.tolist(), strict=True)) == sorted(expected, key=lambda edge: edge[::-1])


def test_a_small_tree() -> None:
    #            Upsilon, padding, B, B, daughter of the second B
    mother = np.array([[-1, 7, 0, 0, 3]])
    edge_index, offsets = tree_edges(mother, np.array([[True, False, True, True, True]]))
    assert offsets.tolist() == [0, 4]
    assert edge_index.T.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2], [3, 2], [2, 3]]


@pytest.mark.parametrize(
    ("mother", "message"),
    [
        ([[-1, 0, 0], [-1, 5, 0]], "event 1: particle 1 has the mother 5"),
        ([[-1, 0, 0], [-1, -2, 0]], "event 1: particle 1 has the mother -2"),
        ([[-1, 0, 3, 0]], "event 0: particle 2 has the mother 3"),  # particle 3 is padding
        ([[-1, 1, 0]], "event 0: particle 1 has the mother 1"),
        ([[1, 2, 0]], "event 0: particle 0 has the mother 1"),
        ([[-1, 2, 1]], "particle 1 has the mother 2; expected another particle of the event"),
    ],
)
def test_what_is_no_forest_is_refused(mother: list[list[int]], message: str) -> None:
    index = np.array(mother)
    mask = np.ones(index.shape, bool)
    mask[:, 3:] = False
    with pytest.raises(DataError, match=message):
        tree_edges(index, mask)


@pytest.mark.parametrize(
    ("index", "mask"),
    [
        (np.zeros(3, int), np.ones(3, bool)),
        (np.zeros((2, 3)), np.ones((2, 3), bool)),
        (np.zeros((2, 3), int), np.ones((2, 4), bool)),
    ],
)
def test_other_shapes_and_types_are_refused(index: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected a mother_index"):
        tree_edges(index, mask)
