"""A measured number with its error, and the bootstrap that errors come from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Measurement
from pd4ml.errors import missing_extra

__all__ = ["Floats", "Measurement", "bootstrap_weights", "require_scikit_learn"]

Floats = NDArray[np.float64]


def bootstrap_weights(
    rng: np.random.Generator, n: int, n_resamples: int, group: NDArray[np.int64] | None = None
) -> Iterator[Floats]:
    """How often each of ``n`` events is in each bootstrap resample: ``n_resamples`` arrays (n,).

    Events of the same ``group`` (n,), 0 to G - 1, belong together and are drawn together: they are not
    independent, and without that the errors would be too small.
    """
    n_drawn = n if group is None else int(group.max()) + 1
    for _ in range(n_resamples):
        weights = np.bincount(rng.integers(n_drawn, size=n_drawn), minlength=n_drawn).astype(np.float64)
        yield weights if group is None else weights[group]


def require_scikit_learn(what: str) -> None:
    """MissingExtraError if scikit-learn, which brings SciPy, is not installed; ``what`` needs it."""
    try:
        import sklearn.metrics  # noqa: F401
    except ImportError as error:
        raise missing_extra(what, "evaluate", error) from error
