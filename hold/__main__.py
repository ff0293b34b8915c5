"""Try all parts, whatever their outcome, and write ``hold/results.json`` and the page made from it.

``python -m hold kills load`` tries some again and keeps the rows of the others; ``--short`` is the size of tests
and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from hold.cases import Row, Size
from pd4ml.machine import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PARTS = tuple(sorted(p.stem for p in HERE.glob("*.py") if "\ndef rows(" in p.read_text(encoding="utf-8")))


def main() -> None:
    """Every part in a folder of its own, which is deleted behind it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], prog="python -m hold")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--short", action="store_true", help="the size that tests run; nothing is written")
    wanted = parser.parse_args()
    if unknown := [name for name in wanted.parts if name not in PARTS]:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    kept = json.loads(RESULTS.read_text())["parts"] if RESULTS.exists() else {}
    fell_short = False
    for name in wanted.parts or PARTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows, seconds = tried(name, Size.SHORT if wanted.short else Size.LONG)
        for row in rows:
            print(f"{row.held} of {row.cases} held: {row.name}", *row.failed, sep="\n    ", flush=True)
        fell_short |= any(row.held < row.cases for row in rows)
        if not wanted.short:
            kept[name] = {"seconds": round(seconds), "rows": [row.as_json() for row in rows]}
            write(kept)
    if not wanted.short:
        subprocess.run([sys.executable, str(HERE.parent / "docs" / "make_pages.py")], check=True)
    sys.exit(1 if fell_short else 0)


def tried(name: str, size: Size) -> tuple[list[Row], float]:
    """Rows of one part, and the seconds they took; a part that cannot be run is a row that fell short."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"hold_{name}_", ignore_cleanup_errors=True) as folder:
        try:
            rows = list(importlib.import_module(f"hold.{name}").rows(Path(folder), size))
        except Exception as error:  # one part must not lose the rows of the others
            traceback.print_exc()
            rows = [Row(f"the part {name}", 1, 0, (f"{type(error).__name__}: {error}",))]
    return rows, time.monotonic() - start


def write(parts: dict[str, Any]) -> None:
    """The rows of all parts, and on what they were found."""
    here = machine()
    results = {
        "machine": f"{here['cpu']}, {here['cores']} cores",
        "python": platform.python_version(),
        "parts": {name: parts[name] for name in PARTS if name in parts},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
