"""Settings of simulators: each says its default, its range, its unit and what it is, in one place.

A simulator's ``Config`` is a frozen dataclass whose fields are made by the functions of this module; its
``__post_init__`` calls ``check_settings`` and then checks what only several settings together can tell.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pd4ml.errors import DataError, unknown_name

__all__ = ["Setting", "Stage", "check_settings", "choice", "settings_of", "switch", "weights", "whole", "within"]

Kind = Literal["number", "whole", "switch", "choice", "weights", "other"]
# What a setting changes: what happens in nature, or only what is seen of it.
Stage = Literal["truth", "response"]
_KEY = "setting"


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting. ``low`` and ``high`` are the range of a number, ``options`` the values of a choice.

    ``shared`` settings belong to all events of a dataset together, so that they cannot be drawn event by event.
    """

    name: str
    kind: Kind
    default: Any
    what: str = ""
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    options: tuple[Any, ...] = ()
    stage: Stage = "truth"
    shared: bool = False

    @property
    def expected(self) -> str:
        """What values are taken, in words."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.kind == "number":
            return f"a number from {self.low:g} to {self.high:g}{unit}"
        if self.kind == "whole":
            return f"a whole number from {self.low:g} to {self.high:g}{unit}"
        if self.kind == "switch":
            return "true or false"
        options = ", ".join(str(option) for option in self.options)
        return {"choice": f"one of {options}", "weights": f"weights of {options}"}.get(self.kind, "a value")

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers; a switch counts as 0 and 1."""
        return self.kind in ("number", "whole", "switch") or (
            self.kind == "choice" and isinstance(self.default, int)
        )

    def check(self, value: object) -> None:
        """Refuse a value that is not ``expected``."""
        if self.kind == "choice" and isinstance(self.default, str) and value not in self.options:
            raise unknown_name(self.name, str(value), self.options)
        if not self._takes(value):
            raise DataError(f"{self.name} must be {self.expected}, not {value!r}")

    def _takes(self, value: object) -> bool:
        if self.kind in ("number", "whole"):
            types = int if self.kind == "whole" else (int, float)
            if isinstance(value, bool) or not isinstance(value, types):
                return False
            return self.low <= value <= self.high  # false for NaN, too
        if self.kind == "switch":
            return isinstance(value, bool)
        if self.kind == "choice":
            return type(value) is type(self.default) and value in self.options
        return self.kind == "other" or _are_weights(self.name, value, self.options)

    def __str__(self) -> str:
        default = dict(self.default) if isinstance(self.default, Mapping) else self.default
        return f"{self.name} = {_text(default)} ({self.expected})" + (f": {self.what}" if self.what else "")


def within(
    default: float,
    low: float,
    high: float,
    unit: str = "1",
    what: str = "",
    *,
    stage: Stage = "truth",
    shared: bool = False,
) -> Any:
    """A number from ``low`` to ``high``, both allowed."""
    return _field(default, "number", what, unit=unit, low=low, high=high, stage=stage, shared=shared)


def whole(
    default: int,
    low: int,
    high: int,
    unit: str = "1",
    what: str = "",
    *,
    stage: Stage = "truth",
    shared: bool = False,
) -> Any:
    """A whole number from ``low`` to ``high``, both allowed."""
    return _field(default, "whole", what, unit=unit, low=low, high=high, stage=stage, shared=shared)


def switch(default: bool, what: str = "", *, stage: Stage = "truth", shared: bool = False) -> Any:
    """Yes or no."""
    return _field(default, "switch", what, stage=stage, shared=shared)


def choice(
    default: Any, options: Iterable[Any], what: str = "", *, stage: Stage = "truth", shared: bool = False
) -> Any:
    """One of ``options``, which are all of one type."""
    return _field(default, "choice", what, options=tuple(options), stage=stage, shared=shared)


def weights(default: Mapping[str, float], names: Iterable[str], what: str = "", *, stage: Stage = "truth") -> Any:
    """Weights of some of ``names``, at least one of them above zero."""
    return _field(dict(default), "weights", what, options=tuple(names), stage=stage, shared=True)


def check_settings(config: Any, *rising: tuple[str, str]) -> None:
    """Hold every setting of ``config`` against its range; DataError names the first that is out of it.

    Of each pair of names in ``rising``, the second setting must not be below the first.
    """
    for setting in settings_of(type(config)):
        setting.check(getattr(config, setting.name))
    for low, high in rising:
        least, most = getattr(config, low), getattr(config, high)
        if most < least:
            raise DataError(f"{high} must not be below {low}, found {most:g} and {least:g}")


def settings_of(config_type: type[Any]) -> tuple[Setting, ...]:
    """The settings of a ``Config``; fields that declare nothing take any value."""
    found = []
    for field in dataclasses.fields(config_type):
        default = field.default
        if default is dataclasses.MISSING:
            default = None if field.default_factory is dataclasses.MISSING else field.default_factory()
        declared = field.metadata.get(_KEY, {"kind": "other"})
        found.append(Setting(name=field.name, default=default, **declared))
    return tuple(found)


def _field(default: Any, kind: Kind, what: str, **facts: Any) -> Any:
    metadata = {_KEY: {"kind": kind, "what": what, **facts}}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _are_weights(name: str, value: object, names: tuple[str, ...]) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    for key, weight in value.items():
        if key not in names:
            raise unknown_name(f"key of {name}", str(key), names)
        Setting(f"the weight of {key}", "number", 1.0, low=0.0, high=1e6).check(weight)
    if not any(value.values()):
        raise DataError(f"{name} must have at least one weight above 0")
    return True


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
