"""What a dataset's simulator is to the engine that runs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.errors import DataError, MissingExtraError, Pd4mlError, unknown_name
from pd4ml.generation.settings import Setting, settings_of
from pd4ml.requirements import DISTRIBUTION, install_line

__all__ = ["Drawn", "Simulate", "Simulator"]

# (n_events, seed, config, split) -> arrays with the card's names, shapes and dtypes. A simulator that varies
# settings by itself (``per_event``) takes a fifth argument, ``Drawn``, and gives what it used under their names.
Simulate = Callable[..., Mapping[str, NDArray[np.generic]]]
# Setting -> function that gives the next n values, (n,).
Drawn = Mapping[str, Callable[[int], NDArray[np.float64]]]


@dataclasses.dataclass(frozen=True)
class Simulator:
    """A simulator: a module-level function, the frozen dataclass of its settings, what it needs.

    ``packages`` are the distributions whose versions belong to the provenance; ``chunk_events`` is the number of
    events that share one seed, a part of what the events follow from. ``per_event`` are the settings that
    ``simulate`` can draw for every event by itself; others are drawn for ``draw_events`` events together.
    ``truth`` are the arrays that no setting of the stage response changes: the same, row by row, for equal seeds.
    ``facts`` says of some settings what else their provenance keeps, such as the tables of an engine, and raises
    what keeps them from being simulated.
    """

    simulate: Simulate
    config_type: type[Any]
    packages: tuple[str, ...] = ("numpy",)
    chunk_events: int = 2000
    per_event: tuple[str, ...] = ()
    draw_events: int = 50
    truth: tuple[str, ...] = ()
    facts: Callable[[Any], Mapping[str, str]] | None = None

    def config(self, options: Mapping[str, Any]) -> Any:
        """The settings with ``options`` over their defaults; an unknown option is an error with a suggestion."""
        known = [field.name for field in dataclasses.fields(self.config_type)]
        for name in options:
            if name not in known:
                raise unknown_name("option", name, known)
        plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in options.items()}
        return self._checked(self.config_type, plain)

    def replace(self, config: Any, options: Mapping[str, Any]) -> Any:
        """``config`` with ``options`` in place of its own."""
        return self._checked(partial(dataclasses.replace, config), options)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings with their ranges, units and meanings."""
        return settings_of(self.config_type)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages whose random numbers are their own: what happens, then what is seen of it."""
        return ("truth", "response") if self.truth else ("truth",)

    def same_events(self, options: Mapping[str, Any]) -> bool:
        """Whether events with ``options`` are those of the default settings, row by row, only seen otherwise."""
        return bool(self.truth) and self.changes_response_only(options)

    def changes_response_only(self, options: Mapping[str, Any]) -> bool:
        """Whether ``options`` leave alone what happens; which of it is selected may still depend on them."""
        return set(options) <= {setting.name for setting in self.settings if setting.stage == "response"}

    @staticmethod
    def _checked(make: Callable[..., Any], options: Mapping[str, Any]) -> Any:
        try:
            return make(**options)
        except Pd4mlError:
            raise
        except (TypeError, ValueError) as error:
            raise DataError(f"options {dict(options)}: {error}") from error

    def versions(self) -> dict[str, str]:
        """Versions of what the events follow from."""
        return {name: metadata.version(name) for name in (DISTRIBUTION, *self.packages)}

    def require(self) -> None:
        """MissingExtraError if a package that the simulator needs is not installed."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise MissingExtraError(f"generating needs {', '.join(missing)}: {install_line(missing)}")
