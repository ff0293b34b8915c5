"""Methods for any dataset and model: what is done with predictions, and what else a network is trained for.

Arrays come in, arrays and measurements go out; nothing here opens a dataset or a run. Objectives of ``[method]``
tables that are imported here are known by name. Nothing here loads torch.
"""

from pd4ml.methods.decorrelation import Disco, Pivot, Planing

__all__ = ["Disco", "Pivot", "Planing"]
