"""The cards of CaloTestBeam and CaloParticles: what the arrays are, and what the generator can vary."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pd4ml.card import ArraySpec, Card, Citation, Variant
from pd4ml.datasets.calo_test_beam.literature import LITERATURE

__all__ = ["CARD", "PARTICLE_CARD"]


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


_GEANT4: dict[str, Any] = {"simulator": "geant4"}
_STAND_IN: dict[str, Any] = {"simulator": "geant4", "tables": "stand-in"}
_RESPONSE = {
    "calibration_up": _variant("tiles calibrated to 6 % in place of 3 %", calibration_spread=0.06),
    "scale_up": _variant("all measured energies up by 2 %", scale=1.02),
    "scale_down": _variant("all measured energies down by 2 %", scale=0.98),
    "noise_up": _variant(
        "ten noise hits an event in place of two, twice the electronics' noise", noise=0.12, noise_hits=10.0
    ),
    "ideal": _variant(
        "a perfect calibration, no noise, no dead tiles",
        calibration_spread=0.0,
        noise=0.0,
        noise_hits=0.0,
        dead=0.0,
    ),
    "other_detector": _variant("another detector: other tiles are dead and badly calibrated", detector=2),
}
_GEANT4_VARIANTS = {
    "geant4": _variant("showers of Geant4, FTFP_BERT, with its own data sets", **_GEANT4),
    "geant4_stand_in": _variant("showers of Geant4 with stand-in tables from textbook formulae", **_STAND_IN),
}

CARD = Card(
    name="CaloTestBeam",
    version="3",
    title="beam energy from the hits of a highly granular calorimeter",
    task="regression",
    description="""
Negative pions of 10 to 80 GeV in a calorimeter of 38 layers of steel and scintillator with 24x24 tiles of 3x3
cm2 in each, the technological prototype of CALICE's analogue hadron calorimeter (AHCAL) as it stood in the SPS
beam of June 2018. An event is its hits: tiles above half of what a minimum ionising particle leaves (a MIP).
Wanted is the beam's energy. Calorimeters like this one see less of a shower's hadronic part than of its
electromagnetic part, which fluctuates; the density of hits tells the two apart, so that a better estimate than
the sum of all hits can be had (software compensation). Energies are uniform, and the same in train and test, so
that nothing can be read off a list of them. Showers that begin within the first six layers are kept, as analyses
do.
""",
    inputs=(
        ArraySpec(
            "hits",
            (5,),
            "float32",
            "mm, MIP, ns",
            "hits by falling energy: middle of the tile (z from the calorimeter's front), energy, time since the "
            "particle came in",
            non_negative=(2, 3),
            ragged=True,
            columns=("x", "y", "z", "energy", "time"),
        ),
    ),
    extras=(
        ArraySpec("event_id", (), "int64", "1", "number of the event, 63 random bits"),
        ArraySpec("pdg_id", (), "int32", "1", "PDG number of the particle"),
        ArraySpec(
            "particle_energy", (), "float32", "GeV", "kinetic energy of this particle; the beam has a spread"
        ),
        ArraySpec(
            "start_layer",
            (),
            "int16",
            "1",
            "layer, from 1, where the shower begins by CALICE's rule; 0 where none does",
        ),
        ArraySpec(
            "interaction_depth",
            (),
            "float32",
            "layers",
            "depth of a hadron's first interaction from the front; -1 of others and where Geant4 does not tell",
        ),
        ArraySpec(
            "em_fraction",
            (),
            "float32",
            "1",
            "share of the energy that neutral pions take; 1 of electrons, -1 where Geant4 does not tell",
        ),
    ),
    target=ArraySpec("energy", (), "float32", "GeV", "energy of the beam"),
    splits=MappingProxyType({"train": 70_000, "test": 30_000}),
    sources=(),
    variants=MappingProxyType(
        {
            "default": Variant("pi- of 10 to 80 GeV, parametrised showers"),
            "steps": _variant(
                "energies of 10, 20, ... 80 GeV as in a test beam; for tests, not for training", steps=True
            ),
            "all_starts": _variant("wherever showers begin, if at all: many leak", latest_start=0),
            "electrons": _variant("electrons", particles={"e-": 1.0}),
            "muons": _variant("muons", particles={"mu-": 1.0}),
            "birks_up": _variant("Birks's constant up by a half", birks=0.119),
            "gate_short": _variant("a gate of 15 ns", time_gate=15.0),
            **_RESPONSE,
            **_GEANT4_VARIANTS,
            "geant4_stand_in_birks_up": _variant(
                "showers of Geant4 with stand-in tables, Birks's constant up by a half", **_STAND_IN, birks=0.119
            ),
            "geant4_stand_in_electrons": _variant(
                "electrons of Geant4 with stand-in tables", **_STAND_IN, particles={"e-": 1.0}
            ),
        }
    ),
    graph="up to 1,200 hits with the largest energies, each joined to its 8 nearest in x, y and z",
    generator="a compact cascade tuned to Geant4, or Geant4 11.4 itself (FTFP_BERT); one readout",
    unknown=(
        "CALICE's data of June 2018: none of its hits are public that we know of; nothing was compared with them",
        "the beam's exact energies, spot and spread (here: uniform, 25 mm, 1 %)",
        "the constants of CALICE's readout (here: 13 photo-electrons a MIP, noise of 0.06 MIP, 3 % of calibration,"
        " 0.5 % dead tiles, 1 ns: chosen within what is said of such detectors)",
        "Birks's constant, the time gate and the rule for a shower's start are recalled, not looked up",
        "what slow neutrons do with stand-in tables, which the parametrised showers are tuned to, too",
    ),
    licence="generated events: yours",
    literature=LITERATURE,
    citations=(
        Citation(
            "CALICE:2012eac",
            """@article{CALICE:2012eac,
  author = "{CALICE Collaboration}",
  title = "{Hadronic energy resolution of a highly granular scintillator-steel hadron calorimeter
    using software compensation techniques}",
  journal = "JINST", volume = "7", pages = "P09017", year = "2012",
  eprint = "1207.4210", archivePrefix = "arXiv"
}""",
        ),
        Citation(
            "CALICE:2024software",
            """@article{CALICE:2024software,
  author = "{CALICE Collaboration}",
  title = "{Software Compensation for Highly Granular Calorimeters using Machine Learning}",
  year = "2024", eprint = "2403.04632", archivePrefix = "arXiv"
}""",
        ),
        Citation(
            "GEANT4:2002zbu",
            """@article{GEANT4:2002zbu,
  author = "{GEANT4 Collaboration}",
  title = "{GEANT4: A Simulation Toolkit}",
  journal = "Nucl. Instrum. Meth. A", volume = "506", pages = "250--303", year = "2003"
}""",
        ),
    ),
)

PARTICLE_CARD = replace(
    CARD,
    name="CaloParticles",
    title="electrons, muons and pions in a highly granular calorimeter",
    task="classification",
    description="""
Electrons, muons and negative pions of 10 to 80 GeV, in equal parts, in the calorimeter of CaloTestBeam, wherever
a shower begins: which is it? A pion that does not interact, or only deep inside, looks like a muon, and one
whose first interaction gives nearly all energy to neutral pions like an electron.
""",
    extras=(*CARD.extras, CARD.target),
    target=ArraySpec("label", (), "uint8", "1", "the particle"),
    classes=("electron", "muon", "pion"),
    variants=MappingProxyType(
        {
            "default": Variant("e-, mu- and pi- of 10 to 80 GeV, parametrised showers"),
            **_RESPONSE,
            **_GEANT4_VARIANTS,
        }
    ),
    literature=(),
)
