"""Data of one's own: arrays or files become a dataset that every command and method takes, without any class."""

from pd4ml.own.conversion import convert, found_columns
from pd4ml.own.dataset import OwnDataset, own_dataset
from pd4ml.own.take import own_data

__all__ = ["OwnDataset", "convert", "found_columns", "own_data", "own_dataset"]
