"""How long ``import pd4ml`` takes against ``import numpy``, which it cannot do without."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import Any

__all__ = ["rows"]

_REPEATS = 15
_SCRIPT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def _seconds(module: str) -> float:
    out = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(module)], capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def rows() -> list[dict[str, Any]]:
    """Fresh interpreters in pairs; the first pair only warms the disk cache."""
    pairs = [(_seconds("pd4ml"), _seconds("numpy")) for _ in range(_REPEATS + 1)][1:]
    ours, numpy = (median(side) for side in zip(*pairs, strict=True))
    return [
        {
            "name": "import pd4ml",
            "ours": ours,
            "other": numpy,
            "other_name": "import numpy",
            "unit": "s",
            "ratio": median(a / b for a, b in pairs),
            "target": "at most 3",
            "repeats": _REPEATS,
        }
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
