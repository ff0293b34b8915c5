"""States of models: what is taken from others, and what is not."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pd4ml.collaborate.weights import check_state, from_bytes, mean_state, state_digest, to_bytes
from pd4ml.errors import DataError

STATE: dict[str, NDArray[Any]] = {
    "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "norm.mean": np.ones(3, np.float32),
    "norm.n": np.array(4, np.int64),
}


def changed(**arrays: Any) -> dict[str, Any]:
    return {**STATE, **{name.replace("__", "."): values for name, values in arrays.items()}}


def test_a_state_survives_the_way() -> None:
    found = from_bytes(to_bytes(STATE), STATE)
    assert state_digest(found) == state_digest(STATE)
    assert found["norm.n"].shape == ()


def test_the_digest_knows_names_types_shapes_and_numbers_but_no_order() -> None:
    others = [
        changed(norm__n=np.array(5)),
        changed(norm__mean=np.ones(3)),
        changed(layer__weight=STATE["layer.weight"].reshape(3, 2)),
        {**{n: v for n, v in STATE.items() if n != "norm.n"}, "norm.m": STATE["norm.n"]},
    ]
    digests = {state_digest(other) for other in others}
    assert len(digests | {state_digest(STATE)}) == 5
    assert state_digest(dict(reversed(STATE.items()))) == state_digest(STATE)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (changed(norm__mean=np.array([1, np.nan, 1], np.float32)), "norm.mean has numbers that are not finite"),
        (changed(norm__mean=np.ones(4, np.float32)), r"norm.mean must be float32 \(3,\), found float32 \(4,\)"),
        (changed(norm__mean=np.ones(3)), "found float64"),
        (changed(norm__mean=[1.0, 1.0, 1.0]), "found list"),
        (changed(more=np.ones(1)), "another model: more"),
        ([1], "another model: list"),
    ],
)
def test_what_is_no_state_of_the_model_is_refused(found: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_state(found, STATE)


def test_nothing_is_unpickled() -> None:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {**STATE, "norm.mean": np.array([print], object)}
    np.savez(stream, **arrays)
    with pytest.raises(DataError, match="these are no weights"):
        from_bytes(stream.getvalue(), STATE)
    with pytest.raises(DataError, match="these are no weights"):
        from_bytes(pickle.dumps(STATE), STATE)


def test_nothing_larger_than_the_model_is_unpacked() -> None:
    with pytest.raises(DataError, match="have 1,000,000 bytes, expected at most"):
        from_bytes(b"x" * 1_000_000, STATE)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", b"\0" * 5_000_000)
    with pytest.raises(DataError, match=r"these weights are compressed"):
        from_bytes(stream.getvalue(), STATE)


def test_the_mean_is_weighted_and_keeps_types() -> None:
    other = {name: values + 3 for name, values in STATE.items()}
    found = mean_state([STATE, other], [1.0, 2.0])
    np.testing.assert_array_equal(found["norm.mean"], np.full(3, 3, np.float32))
    assert found["norm.n"] == 7
    assert all(found[name].dtype == STATE[name].dtype for name in STATE)
