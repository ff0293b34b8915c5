"""A measured number with its error, and the bootstrap that errors come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import Measurement
from pd4ml.errors import missing_extra

__all__ = ["Floats", "Measurement", "bootstrap_weights", "require_scikit_learn", "spread"]

Floats = NDArray[np.float64]

_ROUNDING = 1e-12  # spreads that are a smaller part of the mean come from sums in another order


def bootstrap_weights(
    rng: np.random.Generator,
    n: int,
    n_resamples: int,
    group: NDArray[np.int64] | None = None,
    weight: Floats | None = None,
) -> Iterator[Floats]:
    """How much each of ``n`` events counts in each bootstrap resample: ``n_resamples`` arrays (n,).

    That is how often it is drawn, times its ``weight`` (n,) if events have one. Events of the same ``group``
    (n,), 0 to G - 1, belong together and are drawn together: they are not independent, and without that the errors
    would be too small.
    """
    n_drawn = n if group is None else int(group.max()) + 1
    for _ in range(n_resamples):
        drawn = np.bincount(rng.integers(n_drawn, size=n_drawn), minlength=n_drawn).astype(np.float64)
        drawn = drawn if group is None else drawn[group]
        yield drawn if weight is None else drawn * weight


def spread(resamples: Iterable[Sequence[float] | Floats]) -> Floats:
    """Standard deviation of each number over resamples, the bootstrap error; 0 where it is only rounding."""
    values = np.array(list(resamples))
    found = np.std(values, axis=0, ddof=1)
    return np.where(found > _ROUNDING * np.abs(values.mean(axis=0)), found, 0.0)


def require_scikit_learn(what: str) -> None:
    """MissingExtraError if scikit-learn, which brings SciPy, is not installed; ``what`` needs it."""
    try:
        import sklearn.metrics  # noqa: F401
    except ImportError as error:
        raise missing_extra(what, "evaluate", error) from error
