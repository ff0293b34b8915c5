"""Events as a dataset of PyTorch. This module loads torch; import it where that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["TorchEvents"]


class TorchEvents(Dataset[tuple[list[Tensor], Tensor]]):
    """Event i is ``X, y``: its input arrays in the order of the card, and its target, without the axis of events.

    Pickled for a ``DataLoader``'s workers it is the name of the folder, however they are started.
    """

    def __init__(self, events: Events) -> None:
        self.events = events

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, place: int) -> tuple[list[Tensor], Tensor]:
        event, manifest = self.events[place], self.events.manifest
        files = manifest.arrays[self.events.split]
        names = [name for name in event if name != manifest.target and not files[name].extra]
        return [torch.tensor(event[name]) for name in names], torch.tensor(event[manifest.target])
