"""MuonTelescope: whether one cosmic muon crossed all planes of a telescope, or another one each of them."""

from muon_telescope.card import CARD
from pd4ml.dataset import Dataset

__all__ = ["MuonTelescope"]


class MuonTelescope(Dataset):
    """Hits of cosmic muons in six planes of scintillator strips; see ``MuonTelescope.card``."""

    card = CARD
