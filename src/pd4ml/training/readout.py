"""Readouts: how what a network gives becomes predictions. Nothing here loads torch.

A readout is a function that is known by its name, which the model's file keeps beside the arrays that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn

    from pd4ml.training.network import Network

__all__ = ["Apply", "Readout", "readout_of", "register_readout"]

# What a module gives for all events that are to be predicted, which a readout may ask of several modules.
Apply = Callable[["nn.Module"], NDArray[np.float32]]
Readout = Callable[["Network", Apply], dict[str, NDArray[np.float32]]]
_READOUTS: dict[str, Readout] = {}


def register_readout(kind: str) -> Callable[[Readout], Readout]:
    """A decorator that makes a readout known as ``kind``: from a network to the fields of its predictions."""

    def add(readout: Readout) -> Readout:
        _READOUTS[kind] = readout
        return readout

    return add


def readout_of(kind: str) -> Readout:
    """The readout of that name."""
    if kind not in _READOUTS:
        raise unknown_name("readout", kind, _READOUTS)
    return _READOUTS[kind]


@register_readout("value")
def _value(network: Network, apply: Apply) -> dict[str, NDArray[np.float32]]:
    """What the model gives is the output."""
    return {"output": apply(network.model)}
