"""Tables of the LArTPC room's README, from the four files of numbers that lie beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pd4ml.text import put_between

HERE = Path(__file__).parent
README = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "lar_tpc" / "README.md"
BEGIN, END = "<!-- numbers: evidence/lar_tpc/evidence.py -->", "<!-- end of numbers -->"
KNOWN = {
    "least loss [MeV/cm]": "2.105 (PDG, 1.508 MeV cm2/g)",
    "range of protons of 200 MeV [cm]": "26.0 (range tables)",
    "depth of electrons' showers at 1 GeV [cm]": "58.5 (Grindhammer and Peters), 68.8 (PDG)",
    "radius of 90 % of it [cm]": "about 1 to 2 Moliere radii of 9.6",
    "first 3 cm of electrons of 500 MeV, median [MeV/cm]": "one minimum-ionising particle",
    "first 3 cm of photons of 500 MeV, median [MeV/cm]": "two of them",
}

AUCS = {
    "trees": "boosted trees on summaries, five-fold",
    "network": "the room's network, trained on four fifths of the pairs",
}


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows)]


def _with_error(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}" if error else f"{value:.3f}"


def _signed(found: list[float]) -> str:
    return f"{found[0]:+.3f} ± {found[1]:.3f}"


def particles(found: dict[str, Any]) -> list[str]:
    """Particles in argon."""
    rows = [[name, _with_error(*numbers), KNOWN[name]] for name, numbers in found.items()]
    return _table(["particles in argon", "here", "known"], rows)


def pairs(found: dict[str, Any]) -> list[str]:
    """What tells our transport from Geant4's."""
    aucs = [(name, numbers) for name, numbers in found.items() if name.startswith(("trees", "network"))]
    rows = [[AUCS.get(name, name), _with_error(*numbers)] for name, numbers in aucs]
    cost = ", ".join(f"`{name}` {value:.3f}" for name, value in found["cost"].items())
    shifts = [
        [name, f"{ours:.2f}", f"{shift:.2f} ± {error:.2f}"]
        for name, (ours, shift, error) in found["shifts"].items()
    ]
    return [
        f"The same {found['pairs']:,} interactions with Geant4 (stand-in tables) in place of our transport: how",
        "well are the two told apart?",
        "",
        *_table(["AUC of", "ours or Geant4's"], rows),
        "",
        "That a network of so few images tells nothing is no proof: trees tell a little. They lose most AUC",
        "where these are shuffled (permutation importance; the number is the plane):",
        f"{cost}.",
        "",
        *_table(["vertical wires, mean", "ours", "Geant4 less ours"], shifts),
    ]


def networks(found: dict[str, Any]) -> list[str]:
    """What is learned from images."""
    rows = [
        [
            *(f"{row['events']:,}", f"`{row['recipe']}`", str(row["seed"])),
            *(_with_error(*row[name]) for name in ("accuracy", "auc_macro")),
            _signed(row["over trees"]) if "over trees" in row else "",
        ]
        for row in found["scores"]
    ]
    lines = [
        f"Scores of {found['test']:,} test events; of the training events a fifth is validation. The last column",
        "is the AUC less that of the trees with as many events, from the same resamples of test events:",
        "",
        *_table(["events", "recipe", "seed", "accuracy", "AUC, mean of classes", "over trees"], rows),
    ]
    if "confusion" in found:
        names = ["nu_mu CC", "nu_e CC", "NC"]
        rows = [[n, *map(str, row)] for n, row in zip(names, found["confusion"], strict=True)]
        lines += [
            "",
            "Test events of the quick reference model (most events, seed 1), by class and what it takes them for:",
            "",
        ]
        lines += _table(["true", *names], rows)
        lines += [
            "",
            "What its accuracy changes by where planes are shuffled (the class is that of the vertical wires):",
            "",
        ]
        rows = [[name, _with_error(*numbers)] for name, numbers in found["exchanged"].items()]
        lines += _table(["planes shuffled", "change"], rows)
    low, middle, high = found["muons"]["ratio"]
    return [
        *lines,
        "",
        f"Muons of {found['muons']['events']} quasi-elastic events within the image (a beam of 0.4 GeV): how far",
        "apart the ends of the largest blob are, from all three planes, over the true range has the median",
        f"{middle:.2f} (16 and 84 %: {low:.2f} and {high:.2f}; more where a proton is part of the blob); the two",
        f"have a correlation of {found['muons']['correlation']:.2f}.",
    ]


def labels(found: dict[str, Any]) -> list[str]:
    """What is learned of the labels of pixels."""
    names = ("shower", "track", "Michel electron", "delta electron", "low energy")
    scores, total = found["scores"], sum(found["pixels"])
    rows = [
        [name, _with_error(*one["accuracy"]), *(_with_error(*f1) for f1 in one["f1"])]
        for name, one in scores.items()
    ]
    shares = ", ".join(f"{name} {100 * n / total:.1f} %" for name, n in zip(names, found["pixels"], strict=True))
    lines = [
        f"Labels of pixels (LArPixels): {found['train']:,} training events (for networks a fifth of them",
        f"validation), {found['test']:,} test events with {total:,} labelled pixels:",
        f"{shares}.",
        "F1 is the harmonic mean of efficiency and purity, in pixels; errors are those of whole events. `charge",
        "alone` gives each of fifty equal shares of pixels by charge its commonest label.",
        "",
        *_table(["", "accuracy", *(f"F1, {name}" for name in names)], rows),
    ]
    for name, one in list(scores.items())[2:]:
        pairs_ = zip(names, one["efficiency"], one["purity"], one["confusion"], strict=True)
        rows = [
            [true, _with_error(*efficiency), _with_error(*purity), *(f"{n / max(sum(row), 1):.2f}" for n in row)]
            for true, efficiency, purity, row in pairs_
        ]
        lines += ["", f"Of {name}; last the shares of a true label's pixels by what they are taken for:", ""]
        lines += _table(["true", "efficiency", "purity", *names], rows)
    return lines


def text() -> str:
    """The part of the README between its marks."""
    lines = particles(json.loads((HERE / "numbers.json").read_text())["particles"])
    for write, name in ((pairs, "pairs.json"), (networks, "networks.json"), (labels, "labels.json")):
        if (HERE / name).exists():
            lines += ["", *write(json.loads((HERE / name).read_text()))]
    return "\n".join(lines)


if __name__ == "__main__":
    README.write_text(put_between(README.read_text(), BEGIN, text(), END))
