"""Airshower: depth of the shower maximum from an array of stations."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.airshower.card import CARD

__all__ = ["Airshower"]


class Airshower(Dataset):
    """Depth of the maximum of cosmic-ray air showers, from an array of 9x9 stations; see ``Airshower.card``."""

    card = CARD
    reference = "lstm_residual"
