"""Figure and tables of the room's README, from ``numbers.json``, ``yardstick.json`` and ``networks.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from pd4ml.text import put_between

HERE = Path(__file__).parent
ROOM = HERE.parents[1] / "src" / "pd4ml" / "datasets" / "calo_test_beam"
PAGE = ROOM / "README.md"
BEGIN, END = "<!-- numbers: evidence/calo_test_beam/evidence.py -->", "<!-- end of numbers -->"
Found = dict[str, Any]


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows])


def _number(found: list[float], digits: int, factor: float = 1.0) -> str:
    return f"{factor * found[0]:.{digits}f} ± {factor * found[1]:.{digits}f}"


def _sources(record: Found, yardstick: Found) -> dict[str, Found]:
    found = {name: record[name]["pions"] for name in ("parametrised", "geant4") if name in record}
    return found | {"yardstick": yardstick["pions"]}


def _pions(sources: dict[str, Found], electrons: float) -> str:
    rows = []
    for energy in ("10", "20", "40", "80"):
        for name, source in sources.items():
            one, root = source[energy], float(energy) ** 0.5
            gain = 100 * (1 - one["after dense share"][0] / one["resolution"][0])
            rows.append(
                [
                    *(f"{energy}, {name}", f"{one['events'][0]}", _number(one["response"], 1)),
                    *(_number(one["response"], 2, 1 / electrons), _number(one["resolution"], 2, root)),
                    *(_number(one["after dense share"], 2, root), f"{gain:.0f} %", _number(one["hits"], 0)),
                    *(_number(one["dense share"], 3), _number(one["late share"], 3)),
                ]
            )
    header = ["pi- [GeV]", "events", "MIP/GeV", "over e-", "sigma/mean x sqrt(E)", "with dense share", "gain"]
    return _table([*header, "hits", "dense share", "late share"], rows)


def _profiles(sources: dict[str, Found]) -> str:
    rows = []
    for energy in ("10", "20", "40", "80"):
        for name, source in sources.items():
            along = " ".join(f"{x[0]:.2f}" for x in source[energy]["profile"])
            rows.append([f"{energy}, {name}", along, " ".join(f"{x[0]:.3f}" for x in source[energy]["rings"])])
    return _table(
        ["pi- [GeV]", "MIP/GeV in the 15 layers from the start", "shares of energy in seven rings of 3 cm"], rows
    )


def _differences(sources: dict[str, Found]) -> str:
    """Parametrised against each Geant4: the largest difference of each kind."""
    rows, ours = [], sources["parametrised"]
    for name, source in list(sources.items())[1:]:
        for energy, other in source.items():
            one = ours[energy]
            relative = [
                [one[key][0] / other[key][0] - 1, other[key][1] / other[key][0]]
                for key in ("response", "resolution", "hits")
            ]
            peak = max(x[0] for x in other["profile"])
            along = max(abs(a[0] - b[0]) for a, b in zip(one["profile"], other["profile"], strict=True)) / peak
            noise = max(x[1] for x in other["profile"]) / peak
            rings = max(abs(a[0] - b[0]) for a, b in zip(one["rings"], other["rings"], strict=True))
            rows.append(
                [
                    f"{energy}, {name}",
                    *(f"{100 * a:+.1f} ± {100 * b:.1f} %" for a, b in relative),
                    *(f"{100 * along:.0f} % (error {100 * noise:.0f} %)", f"{rings:.3f}"),
                ]
            )
    header = ["pi- [GeV], against", "response", "resolution", "hits", "profile, largest, of the peak"]
    return _table([*header, "rings, largest"], rows)


def _others(record: Found) -> str:
    rows = []
    for name, found in record.items():
        for kind, one in (*(("e- " + e, x) for e, x in found["electrons"].items()), ("mu- 40", found["muons"])):
            energy = float(kind.split()[1])
            rows.append(
                [
                    *(f"{kind}, {name}", _number(one["response"], 2), _number(one["hits"], 1)),
                    *(_number(one["resolution"], 2, energy**0.5), _number(one["depth"], 2)),
                    _number(one["median"], 2),
                ]
            )
    header = ["particle [GeV]", "MIP/GeV", "hits", "sigma/mean x sqrt(E)", "mean depth [layers]"]
    return _table([*header, "median of a hit [MIP]"], rows)


def _shares(found: Found) -> str:
    rows = [
        [energy, _number(one["mean"], 3), _number(one["rms"], 3), _number(one["power"], 3)]
        for energy, one in found.items()
    ]
    return _table(["pi- [GeV]", "mean electromagnetic share", "rms", "m, if it is 1 - (E/GeV)^(m - 1)"], rows)


def _in_full(record: Found) -> str:
    rows = []
    for name, found in record.items():
        parts = found["in full"]
        middle = sum(x["sum"][0] / float(e) for e, x in parts.items()) / len(parts)
        for energy, one in parts.items():
            root = 100 * float(energy) ** 0.5
            off = [x / float(energy) / middle for x in one["sum"]]
            rows.append(
                [
                    *(
                        f"{energy}, {name}",
                        f"{one['events']}",
                        f"{100 * (off[0] - 1):+.1f} ± {100 * off[1]:.1f} %",
                    ),
                    *(_number(one["resolution"], 1, root), _number(one["compensated"], 1, root)),
                    f"{100 * (1 - one['compensated'][0] / one['resolution'][0]):.0f} %",
                ]
            )
    header = ["pi- [GeV]", "events", "sum/E against its mean", "plain [%/sqrt(E)]"]
    return _table([*header, "compensated [%/sqrt(E)]", "gain"], rows)


def _networks(found: Found) -> str:
    rows = [
        [f"{low} to {high}", *(f"{100 * cell[0]:.1f} ± {100 * cell[1]:.1f}" for cell in cells)]
        for low, high, _, cells in found["rows"]
    ]
    wide = []
    for both in zip(*found["wide"].values(), strict=True):
        for name, (low, high, n, cells) in zip(found["wide"], both, strict=True):
            gains = [f"{100 * (1 - cell[0] / cells[0][0]):.0f} %" for cell in cells[1:]]
            numbers = (f"{100 * cell[0]:.1f} ± {100 * cell[1]:.1f}" for cell in cells)
            wide.append([f"{low} to {high}, {name}", f"{n}", *numbers, *gains])
    header = ["E [GeV]", "events", *found["columns"], *(f"gain of {c}" for c in found["columns"][1:])]
    parts = [
        f"{found['note']}; sigma/mean x sqrt(E) in %, against a straight line in each bin, over its slope:",
        _table(["E [GeV]", *found["columns"]], rows),
        "The same trainings applied to Geant4's showers, which they have never seen (the engine's with stand-in "
        "tables and the yardstick's together), and their gains over the plain sum:",
        _table(header, wide),
    ]
    return "\n\n".join(parts)


def _draw(sources: dict[str, Found]) -> None:
    """Longitudinal profiles, response and resolution beside Geant4's."""
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.4), layout="constrained")
    looks = {"parametrised": ("C0", "-", ""), "geant4": ("C1", "", "o"), "yardstick": ("k", "", "s")}
    energies = [float(energy) for energy in sources["parametrised"]]
    for axis, energy in zip(axes.flat, sources["parametrised"], strict=False):
        for name, source in sources.items():
            colour, line, marker = looks[name]
            mean, error = zip(*source[energy]["profile"], strict=True)
            style = {"color": colour, "ls": line, "marker": marker, "ms": 4, "label": name}
            axis.errorbar(range(len(mean)), mean, error, **style)
        axis.set(title=f"pi- of {energy} GeV", xlabel="layers from the start", ylabel="MIP/GeV", ylim=(0, None))
    for axis, key, label in (
        (axes.flat[4], "response", "MIP/GeV"),
        (axes.flat[5], "resolution", "sigma/mean x sqrt(E/GeV)"),
    ):
        for name, source in sources.items():
            colour, line, marker = looks[name]
            root = [energy**0.5 if key == "resolution" else 1.0 for energy in energies]
            mean, error = zip(*(source[f"{energy:g}"][key] for energy in energies), strict=True)
            values, errors = ([f * v for f, v in zip(root, of, strict=True)] for of in (mean, error))
            axis.errorbar(energies, values, errors, color=colour, ls=line, marker=marker or "o", ms=4, label=name)
        axis.set(xlabel="energy [GeV]", ylabel=label)
    axes.flat[4].set_ylim(35, 47)
    axes.flat[0].legend(frameon=False)
    (ROOM / "figures").mkdir(exist_ok=True)
    figure.savefig(ROOM / "figures" / "showers.png", dpi=80)
    plt.close(figure)


def main() -> None:
    """Draw the figure and write between the marks."""
    record, yardstick = (json.loads((HERE / name).read_text()) for name in ("numbers.json", "yardstick.json"))
    sources = _sources(record, yardstick)
    _draw(sources)
    electrons = record["parametrised"]["electrons"]["10"]["response"][0]
    parts = [
        "Read out plainly (13 photo-electrons a MIP, hits above 0.5 MIP), showers that begin in the first six "
        "layers. sigma is half the width of the central 68.3 %:",
        _pions(sources, electrons),
        "![profiles, response and resolution beside Geant4](figures/showers.png)",
        _profiles(sources),
        "Parametrised showers against both, errors those of the other side:",
        _differences(sources),
        "Electromagnetic share of parametrised showers, and the power m of Gabriel's law (he has 0.80 to 0.87):",
        _shares(record["parametrised"]["share"]),
        "Electrons and muons:",
        _others(record),
        "With all that the readout does (defaults):",
        _in_full(record),
    ]
    if (networks := HERE / "networks.json").exists():
        parts.append(_networks(json.loads(networks.read_text())))
    PAGE.write_text(put_between(PAGE.read_text(), BEGIN, "\n\n".join(parts), END))


if __name__ == "__main__":
    main()
