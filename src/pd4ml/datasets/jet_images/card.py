"""The card of JetImages: what the images are, and what the generator can vary. No files were published."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pd4ml.card import ArraySpec, Card, Citation, Variant

__all__ = ["CARD"]


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="JetImages",
    version="1",
    title="images of boosted W jets against QCD jets at 14 TeV",
    task="classification",
    description="""
The W tagging of arXiv:1511.05190, made anew. Proton-proton collisions at 14 TeV, Pythia 8 without pile-up: W jets
(label 1) of W' -> W Z with W to quarks and Z to neutrinos, against QCD jets (label 0). Particles are added up in a
calorimeter of 0.1 x 0.1, clustered with anti-kT, R = 1.0; the leading jet is trimmed (kT subjets of 0.3, at least
5 % of its pT) and taken if 250 < pT < 300 GeV and 65 < mass < 95 GeV. Its image of 25 x 25 pixels has the leading
subjet in the middle, the second below it, the third (or else the larger sum) on the right. Both classes have the
same distribution of pT.
""",
    inputs=(ArraySpec("image", (25, 25), "float32", "GeV", "pT in pixels of 0.1 x 0.1, the second axis is x"),),
    extras=(
        ArraySpec("mass", (), "float32", "GeV", "mass of the trimmed jet"),
        ArraySpec(
            "tau21",
            (),
            "float32",
            "1",
            "N-subjettiness tau2 / tau1 of the trimmed jet, beta = 1, exclusive kT axes",
        ),
        ArraySpec("delta_r", (), "float32", "1", "distance of the two leading subjets; 0: there is only one"),
        ArraySpec("pt", (), "float32", "GeV", "transverse momentum of the trimmed jet"),
        ArraySpec("event_id", (), "int64", "1", "hard collision; one jet is taken of each"),
    ),
    target=ArraySpec("label", (), "uint8", "1", "1 for a W jet, 0 for a QCD jet"),
    classes=("QCD", "W"),
    splits=MappingProxyType({"train": 32_000, "test": 8_000}),
    sources=(),
    variants=MappingProxyType(
        {
            "default": Variant("multiple parton interactions, Monash tune, images turned and not normalised"),
            "mpi_off": _variant("without multiple parton interactions", mpi=False),
            "tune_a14": _variant("ATLAS tune A14 (NNPDF2.3LO; Pythia's Tune:pp = 21)", tune=21),
            "normalised": _variant("squares of the pixels add up to 1, which hides the mass", normalise=True),
            "translated": _variant("images only moved, neither turned nor mirrored", rotate=False),
            "natural_pt": _variant("QCD jets with the pT they come with", match_pt=False),
        }
    ),
    graph="all 625 pixels, joined to the up to eight around them",
    generator="Pythia 8, cells of 0.1 x 0.1 in rapidity and azimuth, FastJet, trimming",
    unknown=(
        "whether the images of the paper were ever published: none are known here. Some of its authors put images "
        "made for arXiv:1701.05927 at doi:10.17632/4r4v785rgx.1; their layout is not known here, so none are read",
        "the mass of the paper's W', its range of pTHat and Pythia's version (here: 600 GeV, 230 to 340 GeV)",
        "the paper's scores: none are printed here, since none could be checked",
        "how the paper made both classes alike in pT (here: by which QCD jets are taken)",
        "the paper's sizes of train and test (here: proposed)",
    ),
    licence="none were published; generated events: yours, made with Pythia 8 and FastJet",
    group="event_id",
    citations=(
        Citation(
            "deOliveira:2015xxd",
            """@article{deOliveira:2015xxd,
  author = "de Oliveira, Luke and Kagan, Michael and Mackey, Lester and Nachman, Benjamin and Schwartzman, Ariel",
  title = "{Jet-images -- deep learning edition}",
  journal = "JHEP", volume = "07", pages = "069", year = "2016",
  doi = "10.1007/JHEP07(2016)069", eprint = "1511.05190", archivePrefix = "arXiv"
}""",
        ),
    ),
)
