"""Numbers as text: only digits that mean something."""

from __future__ import annotations

from pd4ml.card import Measurement
from pd4ml.report.groups import Summary

__all__ = ["FEW", "format_duration", "format_measurement", "format_metric", "format_spread", "format_summary"]

# Marks a rejection whose error is more than half of it: about four background events or fewer pass, and 1/eps_B is
# far from symmetric.
FEW = "*"


def format_measurement(measured: Measurement) -> str:
    """``value ± error``, the error with two significant digits up to 35 and one above; limits as ``> value``."""
    return repr(measured)


def format_metric(name: str, measured: Measurement) -> str:
    """`format_measurement` of the metric ``name``; a background rejection that rests on few events is marked."""
    few = name.startswith("background_rejection") and (measured.error or 0.0) > measured.value / 2
    return format_measurement(measured) + (FEW if few else "")


def format_summary(summary: Summary) -> str:
    """``mean ± bootstrap error``, and for several trainings ``± spread between them``."""
    text, spread = format_measurement(summary.mean), format_spread(summary)
    return f"{text} ± {spread}" if spread else text


def format_spread(summary: Summary) -> str:
    """The spread between trainings with its digits; empty of a single training."""
    if summary.spread is None:
        return ""
    return format_measurement(Measurement(0.0, summary.spread)).rpartition(" ")[2]


def format_duration(seconds: float) -> str:
    """Seconds as ``12.3 s``, ``3 min 04 s`` or ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
