"""Methods for any dataset and model: what is done with predictions, and what else a network is trained for.

Arrays come in, arrays and measurements go out; nothing here opens a dataset or a run. Rules of derived runs and
objectives of ``[method]`` tables that are imported here are known by name. Nothing here loads torch.
"""

from pd4ml.methods import calibration, decorrelation, ensemble, flatten, heads, laplace, swag
from pd4ml.methods.derived import Derived, register_rule, registered_rules

__all__ = [
    "Derived",
    "calibration",
    "decorrelation",
    "ensemble",
    "flatten",
    "heads",
    "laplace",
    "register_rule",
    "registered_rules",
    "swag",
]
