"""Belle: which generated decays of the Upsilon(4S) pass a selection of hadronic B0 after the detector."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.belle.card import CARD

__all__ = ["Belle"]


class Belle(Dataset):
    """Decays of the Upsilon(4S) that pass (label 1) or fail (0) a selection of hadronic B0; see ``Belle.card``."""

    card = CARD
    reference = "belle_graph_net"
