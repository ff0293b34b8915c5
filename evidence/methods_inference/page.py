"""The tables of docs/how_to/inference.md, from ``numbers.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pd4ml.text import put_between

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how_to" / "inference.md"
BEGIN, END = "<!-- numbers: evidence/methods_inference/evidence.py, {} -->", "<!-- end of numbers -->"


def toy(found: dict[str, Any]) -> list[list[str]]:
    """A row for each seed."""
    rows = [["seed", "exact", "PAIRS", "difference", "first stage alone"]]
    for row in found["rows"]:
        difference = f"{row['difference']:.3f} ± {row['error']:.3f}"
        rows.append(
            [str(row["seed"]), f"{row['exact']:.3f}", f"{row['pairs']:.3f}", difference, f"{row['stage']:.1f}"]
        )
    return rows


def linear(found: dict[str, Any]) -> list[list[str]]:
    """A row for each design."""
    kinds = ("exact", "exact_sample", "posterior", "likelihood", "contrastive")
    heading = ["design", "exact", "exact posterior, same events", "posterior", "likelihood", "contrastive"]
    rows = [heading]
    for design, values in found.items():
        rows.append([design, *(f"{values[kind]:.3f}" for kind in kinds)])
        rows[-1][2] += f" ± {values['error']:.3f}"
    return rows


def moons(found: dict[str, Any]) -> list[list[str]]:
    """A column for each observation."""
    values = found["c2st"]
    return [[f"observation {i + 1}" for i in range(len(values))], [f"{value:.3f}" for value in values]]


def share(found: dict[str, Any]) -> list[list[str]]:
    """A row for each number of events, and below what the observed ones are."""
    rows = [
        [
            "events",
            "width",
            "known kinds",
            "template fit",
            "error",
            "template's error",
            "68 %",
            "90 %",
            "p",
            "pool",
        ]
    ]
    for entry in found["sizes"]:
        values = [entry["width"], entry["known"]["width"], entry["template"]["width"]]
        values += [entry["error"], entry["template"]["error"]]
        values += [entry["coverage"][level] for level in ("0.68", "0.9")]
        cells = [f"{value['value']:.3f} ± {value['error']:.3f}" for value in values]
        rows.append(
            [str(entry["events"]), *cells, f"{entry['calibration']['p_value']:.2g}", f"{entry['pool']:.2f}"]
        )
    return rows


def value(found: dict[str, Any]) -> list[list[str]]:
    """A row for each number of events."""
    rows = [["events", "width [%]", "error [%]", "information", "68 %", "90 %", "p", "pool"]]
    for entry in found["sizes"]:
        cells = [
            "{:.2f} ± {:.2f}".format(*(100 * entry[k][v] for v in ("value", "error"))) for k in ("width", "error")
        ]
        rest = [entry["information"], *(entry["coverage"][level] for level in ("0.68", "0.9"))]
        cells += [f"{of['value']:.3f} ± {of['error']:.3f}" for of in rest]
        rows.append(
            [str(entry["events"]), *cells, f"{entry['calibration']['p_value']:.2g}", f"{entry['pool']:.2f}"]
        )
    return rows


def arrays(found: dict[str, Any]) -> list[list[str]]:
    """A row for each spacing and trigger."""
    rows = [
        [
            "spacing [m]",
            "trigger",
            "seen by three",
            "a generated shower",
            "a triggered one",
            "the same stations and time",
        ]
    ]
    for row in found["rows"]:
        cells = ["{:.3f} ± {:.3f}".format(*row[kind]) for kind in ("generated", "triggered")]
        # The area of as many stations, and the number of showers on it, grow with the square of the spacing.
        stations = "{:.3f} ± {:.3f}".format(*np.array(row["generated"]) * (row["spacing"] / 1500) ** 2)
        rows.append([f"{row['spacing']:g}", f"{row['trigger']:g}", f"{100 * row['seen']:.1f} %", *cells, stations])
    return rows


TABLES = {
    "toy": toy,
    "moons": moons,
    "linear": linear,
    "showers": share,
    "many_showers": share,
    "collisions": share,
    "jets": value,
    "arrays": arrays,
}


def main() -> None:
    """Put each table between its markers."""
    text = PAGE.read_text()
    record = json.loads((HERE / "numbers.json").read_text())
    for name, table in TABLES.items():
        if name in record:
            heading, *rows = table(record[name])
            lines = [heading, ["---"] * len(heading), *rows]
            written = "\n".join("| " + " | ".join(line) + " |" for line in lines)
            text = put_between(text, BEGIN.format(name), written, END)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
