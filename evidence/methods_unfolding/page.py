"""The tables of docs/how_to/unfolding.md, from ``numbers.json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "unfolding.md"
BEGIN, END = "<!-- numbers: evidence/methods_unfolding/evidence.py, {} -->", "<!-- end of {} -->"

BINS = 40  # of the toy


def table(lines: list[list[str]]) -> str:
    """As Markdown; the first line is the heading."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def toy(record: dict[str, Any]) -> str:
    """A row for each prior."""
    rows = [["simulation", "start", "ibu 1 / 3 / 5 / 10 / 100", "omnifold 1 / 3 / 5", "spinup, each seed", "mean"]]
    for prior in (name for name in record if name.startswith("N(")):
        found = record[prior]
        texts = (" / ".join(f"{v:.2f}" for v in found[name].values()) for name in ("ibu", "omnifold"))
        seeds = ", ".join(f"{v:.2f}" for v in found["spinup"])
        rows.append([prior, f"{found['start']:.1f}", *texts, seeds, f"{found['spinup_mean']:.2f}"])
    floor = record["floor"]  # as a chi square of as many degrees of freedom fluctuates
    return (
        f"{table(rows)}\n\nTwo samples of one truth have {floor:.2f} ± {floor * (2 / (BINS - 1)) ** 0.5:.2f}, "
        "which is how well numbers near it are known."
    )


def moons(record: dict[str, Any]) -> str:
    """A row for each K."""
    rows = [["", "source against truth", "smeared source against data"]]
    rows.append(["the data themselves", f"{record['observed']:.3f}", "0.5"])
    for k in (name for name in record if name.isdigit()):
        rows.append([f"K = {k}", *(f"{record[k][what]:.3f}" for what in ("source", "observed"))])
    return table(rows)


def variants(*records: dict[str, Any]) -> str:
    """A row for each observable and method of unfoldings of the same events."""
    rows = [["observable", "method", "before", "after", "chi2/bins", "closure", "stress", "bottom line"]]
    record = records[0]
    for of, *others in zip(*(r["observables"] for r in records), strict=True):
        for name, found in (item for one in (of, *others) for item in one["methods"].items()):
            after = f"{found['triangular']['value']:.2f} ± {found['triangular']['error']:.2f}"
            tests = (f"{found[t]['before']:.1f} → {found[t]['after']:.1f}" for t in ("closure", "stress"))
            line = found["bottom_line"]
            bottom = f"{line['detector']['value']:.0f} → {line['particle']['value']:.0f}" if line else "-"
            cells = [f"{of['start']:.1f}", after, per_bin(found["chi2"]), *tests, bottom]
            rows.append([of["name"], name, *cells])
    sizes = " and ".join(
        f"{record[what]['events']:,} of {record[what]['variant']}" for what in ("data", "simulation")
    )
    floors = ", ".join(f"{of['name']} {of['floor']:.2f}" for of in record["observables"])
    return f"{table(rows)}\n\nEvents of data and simulation: {sizes}. Floors: {floors}."


def per_bin(found: dict[str, Any] | None) -> str:
    """Chi square per bin, where there is one."""
    return "-" if found is None else f"{found['value'] / found['bins']:.2f}"


def main() -> None:
    """Put the tables that are there between their markers."""
    text = PAGE.read_text()
    record = json.loads((HERE / "numbers.json").read_text())
    tables: dict[str, Callable[..., str]] = {"toy": toy, "moons": moons, "jets": variants, "showers": variants}
    for name, made in tables.items():
        if name in record:
            begin, end = BEGIN.format(name), END.format(name)
            parts = [record[part] for part in (name, f"{name}, spinup") if part in record]
            text = put_between(text, begin, made(*parts), end)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
