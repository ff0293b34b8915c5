"""Run every benchmark, write ``benchmarks/results.json`` and the page made from it."""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = (
    *("features", "generation", "airshower", "airshower_network", "belle", "hydro", "graph_net", "particle_net"),
    "evaluation",
    "import_time",
)
PACKAGES = ("numpy", "numba", "pythia8mc", "fastjet", "awkward", "torch", "lightning")


def _machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].split(':')[1].strip() if names else platform.machine()}, {os.cpu_count()} cores"


def main() -> None:
    """All rows, whatever their outcome: a missed target is shown, not hidden."""
    sys.path.insert(0, str(HERE))
    rows: list[dict[str, Any]] = []
    for script in SCRIPTS:
        print(f"{script} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(script).rows()
    versions = {name: metadata.version(name) for name in PACKAGES}
    results = {
        "machine": _machine(),
        "python": platform.python_version(),
        "versions": versions,
        "rows": rows,
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE.parent / "docs" / "make_pages.py")], check=True)
    for row in rows:
        print(f"{row['name']}: {row['ratio']:.3g} against {row['other_name']} (wanted {row['target']})")


if __name__ == "__main__":
    main()
