"""Adding a dataset, a model or a method: templates to begin with, and the contract that datasets keep."""

from pd4ml.contribute.check import check_dataset
from pd4ml.contribute.new import new_dataset, new_method, new_model
from pd4ml.contribute.subject import Check

__all__ = ["Check", "check_dataset", "new_dataset", "new_method", "new_model"]
