"""The datasets, one room each. A room that is imported here is in the register."""

from pd4ml.datasets.airshower import Airshower
from pd4ml.datasets.belle import Belle
from pd4ml.datasets.calo_test_beam import CaloParticles, CaloTestBeam
from pd4ml.datasets.eosl import EOSL
from pd4ml.datasets.jet_images import JetImages
from pd4ml.datasets.lar_tpc import LArPixels, LArTPC
from pd4ml.datasets.spinodal import Spinodal
from pd4ml.datasets.top_tagging import TopTagging

__all__ = [
    "EOSL",
    "Airshower",
    "Belle",
    "CaloParticles",
    "CaloTestBeam",
    "JetImages",
    "LArPixels",
    "LArTPC",
    "Spinodal",
    "TopTagging",
]
