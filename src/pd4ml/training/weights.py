"""Files of weights and checkpoints, of which nothing is executed. This module loads torch."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pd4ml.errors import DataError, one_line
from pd4ml.models import ModelInputs, build
from pd4ml.models.base import Model
from pd4ml.models.registry import parameter_count
from pd4ml.storage.disk import open_plain

__all__ = ["FORMAT", "built", "load_state", "read_checkpoint", "read_weights"]

FORMAT = 2  # of the file of weights; 1 was a checkpoint of Lightning without features


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What ``path`` holds; DataError for a damaged file. Nothing but tensors and plain values is unpickled.

    Nothing is larger than in the file: PyTorch packs nothing, and a tensor has a place for each of its numbers.
    """
    try:
        with open_plain(path) as stream:
            with zipfile.ZipFile(stream) as archive:
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise ValueError("it is packed, as PyTorch packs nothing")
                if (damaged := archive.testzip()) is not None:  # PyTorch does not look at the check sums
                    raise ValueError(f"{damaged} has another check sum")
            stream.seek(0)
            content = dict(torch.load(stream, map_location="cpu", weights_only=True))
        if any(
            t.is_sparse or t.numel() * t.element_size() > t.untyped_storage().nbytes() for t in _tensors(content)
        ):
            raise ValueError("it has tensors that are larger than what it holds of them")
    except Exception as error:
        # torch.load raises anything from EOFError to UnpicklingError on a damaged file.
        reason = f": {one_line(str(error))}" if type(error) in (ValueError, OSError) else ""
        raise DataError(f"checkpoint {path} cannot be read ({type(error).__name__}{reason})") from error
    return content


def _tensors(content: object) -> Iterator[Tensor]:
    """All tensors in what was read, in dicts and lists of any depth."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, Mapping | list | tuple):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from _tensors(part)


def load_state(model: nn.Module, state: Any, file: Path) -> None:
    """Put weights from ``file`` into ``model``; DataError if they are another's."""
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        reason = one_line(str(error), 200)
        raise DataError(f"{file} holds the weights of another model: {reason}") from error


def read_weights(file: Path) -> dict[str, Any]:
    """What `Network.save` wrote; nothing but tensors and plain values is unpickled."""
    content = read_checkpoint(file)
    if (found := str(content.get("format"))) != str(FORMAT):
        raise DataError(f"{file} is of format {one_line(found)}, this version reads {FORMAT}: train again")
    kinds = {"state": Mapping, "arrays": Mapping, "inputs": Mapping, "hyperparameters": Mapping}
    if wrong := [key for key, kind in kinds.items() if not isinstance(content.get(key, {}), kind)]:
        raise DataError(f"{file} is no file of weights: {', '.join(wrong)} must be names with values")
    return content


def built(content: Mapping[str, Any], file: Path) -> Model:
    """The model that a file of weights is for, which has no more parameters than the file has numbers."""
    try:
        name, inputs = str(content["model"]), ModelInputs(**content["inputs"])
        n_parameters = parameter_count(name, inputs, **content["hyperparameters"])
        held = sum(value.numel() for value in content["state"].values())
        if n_parameters is not None and n_parameters > held:
            raise ValueError(f"it has {n_parameters:,} parameters, and the file has {held:,} numbers")
        return build(name, inputs, **content["hyperparameters"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file} holds another version of its model: {one_line(str(error), 200)}") from error
