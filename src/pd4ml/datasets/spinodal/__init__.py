"""Spinodal: whether a phase transition went through the spinodal region."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.spinodal.card import CARD

__all__ = ["Spinodal"]


class Spinodal(Dataset):
    """Images of baryon density after a phase transition, spinodal or after Maxwell; see ``Spinodal.card``."""

    card = CARD
    reference = "spinodal_cnn"
