"""TopTagging: hadronic top-quark jets against QCD jets."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.top_tagging.card import CARD

__all__ = ["TopTagging"]


class TopTagging(Dataset):
    """Hadronic top-quark jets (label 1) against QCD jets (label 0) at 14 TeV; see ``TopTagging.card``."""

    card = CARD
    reference = "particle_net"
