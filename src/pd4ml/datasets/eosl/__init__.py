"""EOSL: two equations of state of QCD matter, told apart by the pions of heavy-ion collisions."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.eosl.card import CARD

__all__ = ["EOSL"]


class EOSL(Dataset):
    """Cross-over or first-order transition, from pion spectra in (pT, phi); see ``EOSL.card``."""

    card = CARD
    reference = "eosl_cnn"
