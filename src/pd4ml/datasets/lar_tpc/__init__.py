"""LArTPC: which neutrino made an image in liquid argon."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.lar_tpc.card import CARD

__all__ = ["LArTPC"]


class LArTPC(Dataset):
    """Images of neutrino interactions in liquid argon, in three planes of wires; see ``LArTPC.card``."""

    card = CARD
    reference = "lar_cnn"

    @classmethod
    def coordinates(cls) -> tuple[int, ...]:
        """Plane, row and column: planes are so far apart that neighbours are of one."""
        return 0, 1, 2
