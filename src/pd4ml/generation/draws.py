"""Settings that are drawn: a distribution in place of a number, and what was drawn kept beside the events."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pd4ml.card import ArraySpec, Card
from pd4ml.errors import DataError, unknown_name
from pd4ml.generation.settings import Setting
from pd4ml.generation.simulator import Simulator

__all__ = ["CUT", "Draw", "parse_draws"]

# A normal distribution ends this many standard deviations from its mean: one value in 16,000 is drawn again.
CUT = 4.0
_FORMS = "uniform:low,high, normal:mean,sigma or choice:first,second,..."


@dataclass(frozen=True)
class Draw:
    """A setting and its distribution. ``array`` is the name under which the values are kept, ``text`` as given."""

    setting: Setting
    kind: Literal["uniform", "normal", "choice"]
    values: tuple[float, ...]
    text: str
    array: str

    @property
    def name(self) -> str:
        """The setting's name."""
        return self.setting.name

    @property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value that can come."""
        if self.kind == "normal":
            mean, sigma = self.values
            return mean - CUT * sigma, mean + CUT * sigma
        return min(self.values), max(self.values)

    @property
    def spec(self) -> ArraySpec:
        """The array that keeps what was drawn."""
        what = f"setting {self.name}, drawn from {self.text}"
        return ArraySpec(
            self.array,
            (),
            "float64",
            self.setting.unit,
            what + (f": {self.setting.what}" if self.setting.what else ""),
        )

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Draw ``n`` values, (n,)."""
        if self.kind == "choice":
            return rng.choice(np.array(self.values, np.float64), n)
        low, high = self.values
        if self.kind == "uniform":
            whole = self.setting.kind == "whole"
            return (rng.integers(int(low), int(high) + 1, n) if whole else rng.uniform(low, high, n)).astype(
                np.float64
            )
        z = rng.standard_normal(n)
        while (again := np.abs(z) > CUT).any():
            z[again] = rng.standard_normal(int(again.sum()))
        return low + high * z

    def typed(self, value: float) -> float | int | bool:
        """A drawn value as the setting takes it."""
        if self.setting.kind == "switch":
            return bool(value)
        return float(value) if self.setting.kind == "number" else int(value)


def parse_draws(draw: Mapping[str, str] | None, simulator: Simulator, card: Card, config: Any) -> tuple[Draw, ...]:
    """Read ``draw``, setting -> distribution; DataError if a value that can come would be refused by ``Config``.

    ``config`` holds the settings that are not drawn. The draws come in the order of the settings.
    """
    known = {setting.name: setting for setting in simulator.settings}
    if not isinstance(draw or {}, Mapping):
        raise DataError(f"draw must map settings to distributions, {{'NAME': 'uniform:0.9,1.1'}}, found {draw!r}")
    for name in draw or {}:
        if name not in known:
            raise unknown_name("setting", name, known)
    taken = {spec.name for spec in card.arrays}
    draws = tuple(
        _parse(setting, (draw or {})[name], f"{name}_setting" if name in taken else name)
        for name, setting in known.items()
        if name in (draw or {})
    )
    corners = [sorted({*each.extremes}) for each in draws]
    for corner in itertools.product(*corners) if draws else ():
        simulator.replace(config, {d.name: d.typed(v) for d, v in zip(draws, corner, strict=True)})
    return draws


def _parse(setting: Setting, text: str, array: str) -> Draw:
    """One distribution; every value it can give must be one that the setting takes."""
    _drawable(setting)
    kind, _, rest = str(text).partition(":")
    try:
        values = tuple(_number(part) for part in rest.split(","))
    except ValueError:
        values = ()
    right = len(values) >= 1 if kind == "choice" else kind in ("uniform", "normal") and len(values) == 2
    if not right:
        raise DataError(f"{setting.name} is to be drawn from {_FORMS} (numbers), found {text!r}")
    if kind != "choice" and setting.kind != "number" and (kind, setting.kind) != ("uniform", "whole"):
        raise DataError(f"{setting.name} takes {setting.expected}: draw it with choice:first,second,...")
    found = Draw(setting, kind, values, str(text), array)  # type: ignore[arg-type]
    if (kind == "uniform" and values[0] > values[1]) or (kind == "normal" and values[1] < 0):
        raise DataError(f"{setting.name}: {text!r} has its numbers the wrong way round, expected {_FORMS}")
    for value in values if kind == "choice" else found.extremes:
        if setting.kind != "number" and value != found.typed(value):
            raise DataError(f"{setting.name} must be {setting.expected}, not {value:g}")
        try:
            setting.check(found.typed(value))
        except DataError as error:
            cut = f" ({CUT:g} standard deviations from the mean)" if kind == "normal" else ""
            raise DataError(f"{text!r} can give {setting.name} = {value:g}{cut}: {error}") from None
    return found


def _drawable(setting: Setting) -> None:
    if setting.shared:
        raise DataError(f"{setting.name} cannot be drawn: all events of a dataset share it")
    if not setting.is_number:
        raise DataError(f"{setting.name} cannot be drawn: it is not a number")


def _number(text: str) -> float:
    switches = {"true": 1.0, "false": 0.0}
    value = switches.get(text.strip().lower())
    found = float(text) if value is None else value
    if not np.isfinite(found):
        raise ValueError(text)
    return found
