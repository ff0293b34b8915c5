"""The state of a model, all parameters and buffers by name, as arrays that can be checked, hashed and sent.

Nothing is pickled: what comes from others is an archive of arrays, and is held against what is expected before
it is used.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, one_line

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "MOST",
    "State",
    "check_state",
    "from_bytes",
    "mean_state",
    "put_state",
    "state_digest",
    "state_of",
    "to_bytes",
]

State = Mapping[str, NDArray[Any]]
MOST = 2**28  # bytes of a state that nobody has seen before
_HEADER = 4096  # bytes that an array's file may have beyond its numbers


def state_of(model: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of the model's parameters and buffers, those of batch norm included."""
    return {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in model.state_dict().items()}


def put_state(model: nn.Module, state: State) -> None:
    """Give ``model`` the parameters and buffers of ``state``, which `check_state` has seen."""
    import torch

    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in state.items()})


def check_state(found: object, like: State) -> dict[str, NDArray[Any]]:
    """The arrays of ``found``, which must have the names, types and shapes of ``like`` and be finite.

    Raises
    ------
    DataError
        Which array is wrong, and how.
    """
    if not isinstance(found, Mapping) or set(found) != set(like):
        names = sorted(set(found) ^ set(like), key=str) if isinstance(found, Mapping) else [type(found).__name__]
        raise DataError(one_line(f"these are the weights of another model: {', '.join(map(str, names))}", 200))
    for name, wanted in like.items():
        values = found[name]
        if not isinstance(values, np.ndarray) or (values.dtype, values.shape) != (wanted.dtype, wanted.shape):
            got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise DataError(one_line(f"{name} must be {wanted.dtype} {wanted.shape}, found {got}", 200))
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"{name} has numbers that are not finite")
    return {name: found[name] for name in like}


def state_digest(state: State) -> str:
    """SHA-256 of names, types, shapes and numbers: equal for equal states, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = np.ascontiguousarray(state[name])
        digest.update(f"{name} {values.dtype.str} {state[name].shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def to_bytes(state: State) -> bytes:
    """The state as an .npz archive."""
    stream = io.BytesIO()
    np.savez(stream, **dict(state))  # type: ignore[arg-type]  # names are the model's
    return stream.getvalue()


def from_bytes(content: bytes, like: State | None = None) -> dict[str, NDArray[Any]]:
    """Read what `to_bytes` made; nothing is unpickled or unpacked, and nothing larger than ``like`` is read.

    Without ``like`` it is the state that a collaboration begins with: any, of at most `MOST` bytes.

    Raises
    ------
    DataError
        For what is no such archive, is too large, or holds another model's weights.
    """
    most = MOST if like is None else sum(values.nbytes + _HEADER for values in like.values()) + _HEADER
    if len(content) > most:
        raise DataError(f"these weights have {len(content):,} bytes, expected at most {most:,}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in members):
            raise DataError("these weights are compressed, which none are that this package sends")
        if sum(info.file_size for info in members) > len(content):  # members that share their bytes
            raise DataError(f"these weights promise more than the {len(content):,} bytes that they have")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except DataError:
        raise
    except Exception as error:  # zipfile and NumPy raise a dozen kinds; for shapes that lie a MemoryError
        raise DataError(one_line(f"these are no weights: {error}", 200)) from error
    return check_state(found, found if like is None else like)


def mean_state(states: list[State], weights: list[float]) -> dict[str, NDArray[Any]]:
    """The weighted mean of states, in double precision; of whole numbers, such as counts, the largest."""
    share = np.asarray(weights, np.float64) / sum(weights)
    out: dict[str, NDArray[Any]] = {}
    for name, first in states[0].items():
        if first.dtype.kind != "f":
            out[name] = np.asarray(np.maximum.reduce([state[name] for state in states]))
            continue
        total = np.zeros(first.shape, np.float64)
        for state, part in zip(states, share, strict=True):
            total += part * state[name]
        out[name] = total.astype(first.dtype)
    return out
