"""The cards of LArTPC and LArPixels: what the generator makes, what it can vary, and what is unknown."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pd4ml.card import ArraySpec, Card, Citation, Variant

__all__ = ["CARD", "MAX_NODES", "PIXEL_CARD"]

MAX_NODES = 1536  # pixels that models see, and that have a label where labels are asked for


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="LArTPC",
    version="1",
    title="which neutrino made an image in liquid argon",
    task="classification",
    description="""
Images of neutrino interactions in a generic liquid-argon time-projection chamber, after the idea of
arXiv:2209.07191, where such images are divided among groups that learn together. Three planes of wires see the
charge that drifts to them, each from another side. Wanted is the class: a muon neutrino's charged current (a muon
leaves), an electron neutrino's (an electron, which showers), or a neutral current (neither; but photons of neutral
pions shower, too).
""",
    inputs=(
        ArraySpec(
            "pixels",
            (4,),
            "float32",
            "1, 1, 1, 1000 electrons",
            "pixels above threshold, the brightest first; 9 x 9 mm2, of 128 x 128 in each of three planes",
            non_negative=(0, 1, 2, 3),
            ragged=True,
            columns=("plane", "row", "column", "charge"),
        ),
    ),
    extras=(
        ArraySpec(
            "pixel_label",
            (),
            "uint8",
            "1",
            "what left most of a pixel: 0 shower, 1 track, 2 Michel electron, 3 delta electron, 4 low energy",
            ragged=True,
        ),
        ArraySpec("energy", (), "float32", "GeV", "energy of the neutrino"),
        ArraySpec("vertex", (3,), "float32", "cm", "where it interacted: along the drift, up, along the beam"),
        ArraySpec("lepton", (4,), "float32", "GeV", "energy and momentum of the outgoing lepton"),
        ArraySpec("kind", (), "uint8", "1", "0 quasi-elastic or elastic, 1 resonant, 2 deeply inelastic"),
    ),
    target=ArraySpec("label", (), "uint8", "1", "0 = nu_mu CC, 1 = nu_e CC, 2 = NC"),
    classes=("nu_mu CC", "nu_e CC", "NC"),
    splits=MappingProxyType({"train": 8_000, "test": 2_000}),
    sources=(),
    variants=MappingProxyType(
        {
            "default": Variant("a beam of 0.8 GeV; 0.5 kV/cm, modified box model, 10 ms, no cosmic muons"),
            "low_field": _variant("drift field of 0.273 kV/cm: more recombination, slower drift", field=0.273),
            "birks": _variant(
                "recombination by Birks's law (ICARUS) in place of the box model", recombination="birks"
            ),
            "impure": _variant("electrons live 2 ms: charge from afar is fainter", lifetime=2.0),
            "noisy": _variant("noise half again as strong: pixels of noise alone", noise=1.8),
            "axial_mass_up": _variant("axial mass of 1.2 GeV: harder recoils", axial_mass=1.2),
            "absorption_up": _variant("nuclei absorb half of all pions", absorption=0.5, exchange=0.12),
            "absorption_down": _variant("nuclei absorb a tenth of all pions", absorption=0.1, exchange=0.04),
            "gain_up": _variant("all charges 5 % larger", gain=1.05),
            "gain_down": _variant("all charges 5 % smaller", gain=0.95),
            "dead_wires": _variant("a tenth of the wires is dead", dead=0.1),
            "cosmics": _variant("two cosmic muons in each image on average, as at the surface", cosmics=2.0),
            "high_energy": _variant("a beam of 2.5 GeV: more pions, events larger than the image", flux_peak=2.5),
            "geant4": _variant("Geant4 follows the particles; its data sets must be there", transport="geant4"),
            "geant4_stand_in": _variant(
                "Geant4 with stand-in tables from textbook formulae", transport="geant4", tables="stand-in"
            ),
        }
    ),
    graph="pixels above threshold, at most the 1,536 brightest, joined to the eight nearest of their plane",
    generator=(
        "a sketch of neutrinos on argon (no GENIE: typical shares of quasi-elastic, resonant, deeply inelastic, "
        "a Fermi gas, absorption of pions by chance); muons, hadrons and showers followed in steps of 3 mm; "
        "recombination, lifetime, diffusion, three wire planes, noise"
    ),
    unknown=(
        "image size, energies, number of images, networks and scores of arXiv:2209.07191 (its abstract was read)",
        "whether its classes were these: they are chosen here, and made equally common",
        "its detector: sizes, wires and constants here are typical of others (README)",
        "how interactions go in argon: shares and absorption are recalled typical numbers, not fitted to data",
        "how hadrons react on their way: free paths are PDG's, products a sketch",
    ),
    licence="generated events: yours",
    citations=(
        Citation(
            "Vergani:2022",
            """@article{Vergani:2022,
  author = "Vergani, Stefano and Bagoly, Attila",
  title = "{arXiv:2209.07191}", note = "proceedings of ACAT 2021",
  eprint = "2209.07191", archivePrefix = "arXiv", year = "2022"
}""",
        ),
    ),
)

PIXEL_CARD = replace(
    CARD,
    name="LArPixels",
    title="what left the charge of each pixel in liquid argon",
    task="segmentation",
    description="""
The images of LArTPC, with a label for each pixel in place of one for the event, as networks of MicroBooNE give
them (arXiv:1808.07269, arXiv:2012.08513) and PILArNet has them (arXiv:2006.01993): what left most of the pixel's
charge? A shower, a track, a Michel electron where a muon decayed, a delta electron above 2 MeV, or electrons of
low energy that photons made here and there. Pixels of noise alone have this last label, too.
""",
    extras=(CARD.target, *CARD.extras[1:]),
    target=ArraySpec(
        "pixel_label",
        (MAX_NODES,),
        "int8",
        "1",
        "of the brightest pixels, in their order: 0 shower, 1 track, 2 Michel electron, 3 delta electron, "
        "4 low energy",
        padding=-1,
    ),
    classes=("shower", "track", "Michel electron", "delta electron", "low energy"),
    variants=MappingProxyType(
        {name: CARD.variants[name] for name in ("default", "low_field", "noisy", "cosmics", "geant4_stand_in")}
    ),
    unknown=(
        *CARD.unknown[2:],
        "how MicroBooNE and PILArNet, whose names the labels have, make theirs in detail: abstracts were read, "
        "and no score of theirs can be compared with one here",
        "where a track ends and a delta electron begins: 2 MeV is chosen here, as is 5 MeV of low energy",
        "with Geant4 labels follow from what each step's particle is and came from, by other rules than here",
    ),
    citations=(
        Citation(
            "MicroBooNE:2018kka",
            """@article{MicroBooNE:2018kka,
  author = "{MicroBooNE Collaboration}",
  title = "{A Deep Neural Network for Pixel-Level Electromagnetic Particle Identification in the MicroBooNE
    Liquid Argon Time Projection Chamber}",
  eprint = "1808.07269", archivePrefix = "arXiv", year = "2018"
}""",
        ),
        Citation(
            "Adams:2020",
            """@article{Adams:2020,
  author = "{DeepLearnPhysics collaboration}",
  title = "{PILArNet: Public Dataset for Particle Imaging Liquid Argon Detectors in High Energy Physics}",
  eprint = "2006.01993", archivePrefix = "arXiv", year = "2020"
}""",
        ),
    ),
)
