"""Physics Data for Machine Learning: shared physics datasets, generated or published, as arrays and graphs."""

from pd4ml.card import Card
from pd4ml.dataset import Dataset
from pd4ml.datasets import EOSL, Airshower, Belle, Spinodal, TopTagging
from pd4ml.errors import Pd4mlError
from pd4ml.graphs import PackedGraphs

__all__ = ["EOSL", "Airshower", "Belle", "Card", "Dataset", "PackedGraphs", "Pd4mlError", "Spinodal", "TopTagging"]
