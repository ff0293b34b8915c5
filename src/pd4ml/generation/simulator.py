"""What a dataset's simulator is to the engine that runs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, MissingExtraError, Pd4mlError, unknown_name

__all__ = ["Simulate", "Simulator"]

# (n_events, seed, config, split) -> arrays with the card's names, shapes and dtypes
Simulate = Callable[[int, np.random.SeedSequence, Any, str], Mapping[str, NDArray[np.generic]]]


@dataclasses.dataclass(frozen=True)
class Simulator:
    """A simulator: a module-level function, the frozen dataclass of its settings, what it needs.

    ``packages`` are the distributions whose versions belong to the provenance; ``chunk_events`` is the number of
    events that share one seed, a part of what the events follow from.
    """

    simulate: Simulate
    config_type: type[Any]
    packages: tuple[str, ...] = ("numpy",)
    chunk_events: int = 2000

    def config(self, options: Mapping[str, Any]) -> Any:
        """The settings with ``options`` over their defaults; an unknown option is an error with a suggestion."""
        known = [field.name for field in dataclasses.fields(self.config_type)]
        for name in options:
            if name not in known:
                raise unknown_name("option", name, known)
        plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in options.items()}
        try:
            return self.config_type(**plain)
        except Pd4mlError:
            raise
        except (TypeError, ValueError) as error:
            raise DataError(f"options {plain}: {error}") from error

    def versions(self) -> dict[str, str]:
        """Versions of what the events follow from."""
        return {name: metadata.version(name) for name in ("pd4ml-physics", *self.packages)}

    def require(self) -> None:
        """MissingExtraError if a package that the simulator needs is not installed."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise MissingExtraError(
                f"generating needs {', '.join(missing)}: pip install 'pd4ml-physics[generate]'"
            )
