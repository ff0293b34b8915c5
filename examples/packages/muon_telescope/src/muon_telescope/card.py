"""The card of MuonTelescope: what its events hold and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pd4ml.card import ArraySpec, Card, Citation, Variant

__all__ = ["CARD"]


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="MuonTelescope",
    version="1",
    title="one cosmic muon or accidental coincidences in a telescope of scintillator strips",
    task="classification",
    description="""
A worked example of a dataset in a package of its own. Six square planes of 8 strips of plastic scintillator lie above
each other; strips measure x and y in turn. Every plane has a hit. Wanted is whether one cosmic muon made all of
them, or another muon each: an accidental coincidence.
""",
    inputs=(
        ArraySpec(
            "deposits",
            (6, 8),
            "float32",
            "most probable deposit of a vertical muon",
            "deposited energy in each strip of each plane, from the top; planes 0, 2, 4 measure x, 1, 3, 5 y",
            padding=0.0,
            non_negative=tuple(range(8)),
        ),
    ),
    target=ArraySpec("label", (), "uint8", "1", "1 = one muon, 0 = accidental coincidence"),
    classes=("accidental", "muon"),
    splits=MappingProxyType({"train": 8_000, "test": 2_000}),
    sources=(),
    variants=MappingProxyType(
        {
            "default": Variant("as it is"),
            "compact": _variant("planes 15 cm apart rather than 20", spacing=15.0),
            "gain_up": _variant("deposits measured 5 % too high", gain=1.05),
            "gain_down": _variant("deposits measured 5 % too low", gain=0.95),
        }
    ),
    graph="hits as nodes, each joined to all others of its event",
    generator=(
        "muons with an intensity proportional to the square of the zenith angle's cosine, straight "
        "lines, deposits along the path with Moyal's fluctuations; the telescope is invented"
    ),
    licence="MIT; generated events: yours",
    citations=(
        Citation(
            "Shukla:2016",
            """@article{Shukla:2016,
  author = "Shukla, Prashant and Sankrith, Sundaresh",
  title = "{Energy and angular distributions of atmospheric muons at the Earth}",
  eprint = "1606.06907", archivePrefix = "arXiv", primaryClass = "hep-ph", year = "2016"
}""",
        ),
        Citation(
            "Moyal:1955",
            """@article{Moyal:1955,
  author = "Moyal, J. E.",
  title = "{Theory of ionization fluctuations}",
  journal = "Phil. Mag.", volume = "46", pages = "263--280", year = "1955",
  doi = "10.1080/14786440308521076"
}""",
        ),
    ),
)
