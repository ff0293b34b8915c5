"""The card of Spinodal: what the published file holds and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pd4ml.card import SHARED_DATA_PAPER, ArraySpec, Card, Citation, PublishedFile, PublishedSource, Variant
from pd4ml.datasets.spinodal.literature import LITERATURE

__all__ = ["CARD"]

_DESY = "https://syncandshare.desy.de/index.php/s/RN9AYWLgKHEPEfF/download/2_spinodal_29k.npz"


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="Spinodal",
    version="3",
    title="spinodal clumping in the baryon density of heavy-ion collisions",
    task="classification",
    description="""
Images of baryon density in heavy-ion collisions at CBM energies, E_lab 3 to 4 A GeV (arXiv:1906.06562). Nuclear
matter that expands through a first-order phase transition may become mechanically unstable, so that lumps grow
(spinodal), or may follow the equilibrium, Maxwell's construction, in which they do not. Wanted is which of
the two it was.
""",
    inputs=(
        ArraySpec(
            "density",
            (20, 20),
            "float32",
            "1/fm3 if generated, unknown if published",
            "baryons per volume in the transverse plane at freeze-out, in the frame of the image",
        ),
    ),
    extras=(ArraySpec("impact", (), "float32", "fm", "impact parameter"),),
    target=ArraySpec("label", (), "uint8", "1", "1 = spinodal, 0 = Maxwell"),
    classes=("Maxwell", "spinodal"),
    splits=MappingProxyType({"train": 20_300, "test": 8_700}),
    sources=(
        PublishedSource(
            "DESY",
            (
                PublishedFile(
                    name="2_spinodal_29k.npz",
                    mirrors=(_DESY,),
                    layout="npz",
                    splits=("train", "test"),
                    md5="c22326822d9bac7c074467ccccc6fe4f",
                ),
            ),
            note=(
                "the file of arXiv:2107.00656; its link is reported dead (404) since 2026. The same physics is at "
                "Zenodo, record 5710736, in a layout that is not known here, so that it is not read"
            ),
        ),
    ),
    variants=MappingProxyType(
        {
            "default": Variant("tuned to the published images and the published accuracy (README)"),
            "lumps_up": _variant("a fifth fewer nucleons: initial lumps stronger by a tenth", nucleons=90.0),
            "lumps_down": _variant("a fifth more nucleons: initial lumps weaker by a tenth", nucleons=135.0),
            "long": _variant("freeze-out 1 fm/c later", duration=9.0),
            "short": _variant("freeze-out 1 fm/c earlier", duration=7.0),
            "growth_up": _variant("the unstable region deeper by a fifth: waves grow faster", unstable=-0.096),
            "growth_down": _variant("the unstable region shallower by a fifth", unstable=-0.064),
            "surface_up": _variant("length of the gradient term larger by half: broader lumps", surface=0.15),
            "surface_down": _variant("length of the gradient term smaller by half", surface=0.05),
            "central": _variant("impact parameters up to 3 fm", impact_max=3.0),
            "crossover": _variant("no phase transition: the classes differ in name only", unstable=0.1),
        }
    ),
    graph="all 400 pixels, joined to the up to eight around them",
    generator=(
        "nucleons of two lead nuclei as a lumpy fireball, which expands as a relativistic ideal fluid with a "
        "gradient term; the pressure has an unstable region or Maxwell's construction; tuned to "
        "published images and accuracy"
    ),
    unknown=(
        "the unit and the normalisation of the published images (baryon density of a slice or along the beam)",
        "the width of the published images' pixels (here: 1 fm)",
        "why the published images' centroids lie near 9.3 and not in the middle, 9.5 (here: put there)",
        "which horizontal axis the first index of the image is in the published file (here: x)",
        "the time or the condition of the published images' freeze-out (inferred: one time for all)",
        "the impact parameters and the equation of state of the published events (inferred here, from the images)",
        "whether the reference model's published score was got on scaled or on raw images",
        "the layout of Zenodo record 5710736",
    ),
    licence="of the published file: not stated; generated events: yours",
    literature=LITERATURE,
    citations=(
        SHARED_DATA_PAPER,
        Citation(
            "Steinheimer:2019iso",
            """@article{Steinheimer:2019iso,
  author = "Steinheimer, Jan and Pang, Long-Gang and Zhou, Kai and Koch, Volker and Randrup, Jorgen and others",
  title = "{A machine learning study to identify spinodal clumping in high energy nuclear collisions}",
  journal = "JHEP", volume = "12", pages = "122", year = "2019",
  eprint = "1906.06562", archivePrefix = "arXiv", primaryClass = "nucl-th"
}""",
        ),
        Citation(
            "Steinheimer:2012gc",
            """@article{Steinheimer:2012gc,
  author = "Steinheimer, Jan and Randrup, Jorgen",
  title = "{Spinodal amplification of density fluctuations in fluid-dynamical simulations of relativistic
            nuclear collisions}",
  eprint = "1209.2462", archivePrefix = "arXiv", primaryClass = "nucl-th", year = "2012"
}""",
        ),
    ),
)
