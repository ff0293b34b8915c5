"""LArTPC and LArPixels: neutrinos in liquid argon, which made an image and what left each of its pixels."""

from collections.abc import Mapping
from typing import Any

from pd4ml.dataset import Dataset
from pd4ml.datasets.lar_tpc.card import CARD, PIXEL_CARD
from pd4ml.generation.simulator import Simulator
from pd4ml.storage.store import Array

__all__ = ["LArPixels", "LArTPC"]


class LArTPC(Dataset):
    """Images of neutrino interactions in liquid argon, in three planes of wires; see ``LArTPC.card``."""

    card = CARD
    reference = "lar_cnn"

    @classmethod
    def coordinates(cls) -> tuple[int, ...]:
        """Plane, row and column: planes are so far apart that neighbours are of one."""
        return 0, 1, 2


class LArPixels(LArTPC):
    """What left the charge of each pixel of the same images; see ``LArPixels.card``."""

    card = PIXEL_CARD
    reference = "graph_net"

    @classmethod
    def simulator(cls) -> Simulator:
        """The same simulator, with labels of pixels as target."""
        from pd4ml.datasets.lar_tpc.simulator import PIXEL_SIMULATOR

        return PIXEL_SIMULATOR

    @classmethod
    def draw(cls, event: Mapping[str, Array], axes: Any) -> None:
        """The three planes, coloured by label."""
        from pd4ml.datasets.lar_tpc.draw import draw_labels

        draw_labels(event, axes)
