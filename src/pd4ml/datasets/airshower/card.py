"""The card of Airshower: what the published file holds and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pd4ml.card import SHARED_DATA_PAPER, ArraySpec, Card, Citation, PublishedFile, PublishedSource, Variant
from pd4ml.datasets.airshower.literature import LITERATURE

__all__ = ["CARD"]

_DESY = "https://syncandshare.desy.de/index.php/s/8oJoYcaCRaC9dL7/download/4_airshower_100k_regression.npz"


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="Airshower",
    version="3",
    title="depth of the maximum of cosmic-ray air showers",
    task="regression",
    description="""
Air showers of cosmic-ray nuclei of 10^18.5 to 10^20 eV on an array of 9x9 water-Cherenkov-like stations, 1,500 m
apart at 1,400 m altitude, from a parametrised simulation (arXiv:1708.00647): each station records its signal in 80
bins of 25 ns and the arrival time of the shower front. Wanted is Xmax, the slant depth at which the shower is
largest. Most stations are silent in an event.
""",
    inputs=(
        ArraySpec(
            "traces",
            (9, 9, 80),
            "float32",
            "VEM",
            "signal of each station in 80 bins of 25 ns from the arrival of the shower front on",
            padding=-1,
        ),
        ArraySpec(
            "arrival_time",
            (9, 9, 1),
            "float32",
            "s",
            "when the shower front reaches the station, against the core",
            padding=-1,
        ),
        ArraySpec(
            "stations",
            (81, 3),
            "float32",
            "m",
            "x, y from the middle of the array and altitude; station 9 i + j is at [i, j] of the other arrays",
            per_event=False,
        ),
    ),
    extras=(
        ArraySpec("primary", (), "uint8", "1", "mass number of the primary nucleus"),
        ArraySpec("lg_energy", (), "float32", "1", "lg(E/eV) of the primary"),
        ArraySpec("zenith", (), "float32", "rad", "zenith angle of where the shower comes from"),
        ArraySpec("azimuth", (), "float32", "rad", "its azimuth, from x to y, -pi to pi"),
        ArraySpec("core", (2,), "float32", "m", "x, y where the shower's axis meets the ground"),
    ),
    target=ArraySpec("xmax", (), "float32", "g/cm2", "slant depth of the shower maximum"),
    splits=MappingProxyType({"train": 70_000, "test": 30_000}),
    sources=(
        PublishedSource(
            "DESY",
            (
                PublishedFile(
                    name="4_airshower_100k_regression.npz",
                    mirrors=(_DESY,),
                    layout="npz",
                    splits=("train", "test"),
                    md5="367dc93bec6111a1990f85cc8ff58d1f",
                ),
            ),
            note="the file of arXiv:2107.00656; its link is reported dead (404) since 2026",
        ),
    ),
    variants=MappingProxyType(
        {
            "default": Variant("the published formulae; p, He, O, Fe in equal parts"),
            "proton": _variant("protons only", primaries={"p": 1.0}),
            "iron": _variant("iron only", primaries={"Fe": 1.0}),
            "proton_iron": _variant("protons and iron in equal parts", primaries={"p": 1.0, "Fe": 1.0}),
            "nitrogen": _variant(
                "nitrogen in place of oxygen", primaries={"p": 1.0, "He": 1.0, "N": 1.0, "Fe": 1.0}
            ),
            "offset": _variant(
                "rows moved by half a spacing and closer together, as in versions 1 and 2 of this card",
                layout="offset",
            ),
            "signal_up": _variant("all signals up by 14 %", signal_scale=1.14),
            "signal_down": _variant("all signals down by 14 %", signal_scale=0.86),
            "noise_up": _variant("half as much noise again; threshold in proportion", noise=1.8),
            "dense": _variant("stations 750 m apart", spacing=750.0, core_radius=375.0),
        }
    ),
    graph="all 81 stations, joined to the up to eight around them in the 9x9 array",
    generator="parametrised simulation after arXiv:1708.00647, Xmax from generalised Gumbel fits to EPOS-LHC",
    unknown=(
        "the primaries of the published events and their energies (p, He, O, Fe in equal parts reproduce the Xmax "
        "histogram, other mixtures with nitrogen do as well)",
        "the published array: only that it has one station in (1,500 m)^2 follows from the fraction of triggered "
        "stations and their arrival times (README); a cartesian one is inferred, a triangular one of that density "
        "comes close, too",
        "which horizontal axis the first index of the 9x9 arrays is in the published file (here: x)",
        "the atmosphere's numbers in the published simulation (here: US standard after Keilhauer)",
    ),
    licence="of the published file: not stated; generated events: yours",
    literature=LITERATURE,
    citations=(
        SHARED_DATA_PAPER,
        Citation(
            "Erdmann:2017str",
            """@article{Erdmann:2017str,
  author = "Erdmann, Martin and Glombitza, Jonas and Walz, David",
  title = "{A Deep Learning-based Reconstruction of Cosmic Ray-induced Air Showers}",
  journal = "Astropart. Phys.", volume = "97", pages = "46--53", year = "2018",
  eprint = "1708.00647", archivePrefix = "arXiv"
}""",
        ),
        Citation(
            "DeDomenico:2013wwa",
            """@article{DeDomenico:2013wwa,
  author = "De Domenico, Manlio and Settimo, Mariangela and Riggi, Simone and Bertin, Eric",
  title = "{Reinterpreting the development of extensive air showers initiated by nuclei and photons}",
  journal = "JCAP", volume = "07", pages = "050", year = "2013"
}""",
        ),
    ),
)
