"""Run every benchmark, write ``benchmarks/results.json`` and the page made from it."""

from __future__ import annotations

import importlib
import json
import platform
import subprocess
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

from pd4ml.machine import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SCRIPTS = (
    *("features", "generation", "airshower", "airshower_network", "belle", "hydro", "graph_net", "particle_net"),
    *("neighbours", "threads", "evaluation", "memory", "import_time"),
)
PACKAGES = ("numpy", "numba", "pythia8mc", "fastjet", "awkward", "torch", "lightning")


def main() -> None:
    """All rows, whatever their outcome: a missed target is shown, not hidden.

    ``python benchmarks/run.py hydro memory`` measures some again and keeps the rows of the others.
    """
    sys.path.insert(0, str(HERE))
    chosen = sys.argv[1:] or SCRIPTS
    unknown = [name for name in chosen if name not in SCRIPTS]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(SCRIPTS)}")
    kept = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    rows: dict[str, list[dict[str, Any]]] = {
        name: [row for row in kept if row["script"] == name] for name in SCRIPTS
    }
    failed = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows[name] = [{"script": name, **row} for row in importlib.import_module(name).rows()]
        except Exception:  # one benchmark must not lose the rows of the others
            traceback.print_exc()
            failed.append(name)
        _write([row for found in rows.values() for row in found])
    subprocess.run([sys.executable, str(HERE.parent / "docs" / "make_pages.py")], check=True)
    for row in (row for name in chosen for row in rows[name]):
        print(f"{row['name']}: {row['ratio']:.3g} against {row['other_name']} (wanted {row['target']})")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; their rows are those of before")


def _write(rows: list[dict[str, Any]]) -> None:
    versions = {name: metadata.version(name) for name in PACKAGES}
    here = machine()
    results = {
        "machine": f"{here['cpu']}, {here['cores']} cores",
        "python": platform.python_version(),
        "versions": versions,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
