"""JetImages: images of W jets against QCD jets."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.jet_images.card import CARD

__all__ = ["JetImages"]


class JetImages(Dataset):
    """Images of W jets (label 1) and QCD jets (label 0) of 250 to 300 GeV; see ``JetImages.card``."""

    card = CARD
    reference = "jet_images_cnn"
