"""The card of TopTagging: what the published files hold and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType

from pd4ml.card import SHARED_DATA_PAPER, ArraySpec, Card, Citation, PublishedFile, PublishedSource, Variant
from pd4ml.datasets.top_tagging.literature import LITERATURE

__all__ = ["CARD"]

_DESY = "https://syncandshare.desy.de/index.php/s/TWqT3E9j6q5yYSF/download/1_top_tagging_2M.npz"
_ZENODO = "https://zenodo.org/records/2603256/files/{}?download=1"

_HUB = "https://huggingface.co/datasets/dl4phys/top_tagging/resolve/main/{}.parquet"

_COLUMNS = MappingProxyType(
    {
        "constituents": [[f"{component}_{i}" for component in ("E", "PX", "PY", "PZ")] for i in range(200)],
        "ttv": "ttv",
        "label": "is_signal_new",
    }
)


def _zenodo(part: str, split: str) -> PublishedFile:
    """One part of Zenodo record 2603256, under a name that says what it is."""
    return PublishedFile(
        name=f"top_tagging_zenodo_2603256_{part}.h5",
        mirrors=(_ZENODO.format(f"{part}.h5"),),
        layout="pandas_table",
        splits=(split,),
        columns=_COLUMNS,
    )


def _hub(part: str, split: str) -> PublishedFile:
    """One part of the copy on the Hugging Face hub, under a name that says what it is."""
    return PublishedFile(
        name=f"top_tagging_hub_dl4phys_{part}.parquet",
        mirrors=(_HUB.format(part),),
        layout="parquet_table",
        splits=(split,),
        columns=_COLUMNS,
    )


def _particle_level(name: str, unit: str, what: str, dtype: str = "float32") -> ArraySpec:
    """A quantity of the jet of stable particles, neutrinos and pile-up left out, beside the detector's jet."""
    where = "particle-level jet within 0.4 of this one"
    return ArraySpec(f"particle_{name}", (), dtype, unit, f"{what} of the {where}; -1: none", padding=-1)


CARD = Card(
    name="TopTagging",
    version="3",
    title="hadronic top-quark jets against QCD jets at 14 TeV",
    task="classification",
    description="""
Proton-proton collisions at 14 TeV, hadronically decaying top quarks (label 1) against QCD dijets (label 0),
Pythia 8, no pile-up, Delphes with its ATLAS card of 2015. The papers say that there are no multiple parton
interactions; the published jets look as if there were (README), so generated ones have them. Particle-flow
objects are clustered with anti-kT, R = 0.8, into jets with 550 < pT < 650 GeV and |eta| < 2. Top jets are matched
to a parton-level top within Delta R = 0.8, and all three of its decay quarks lie within 0.8. The leading 200
constituents are kept, sorted by pT. References: arXiv:1902.09914, arXiv:1707.08966.
""",
    inputs=(
        ArraySpec(
            "constituents",
            (200, 4),
            "float32",
            "GeV",
            "four-momenta (E, px, py, pz), pT-sorted",
            padding=0,
            non_negative=(0,),
        ),
        ArraySpec(
            "ttv",
            (),
            "uint8",
            "1",
            "part of the original split: 0 train, 1 test, 2 validation (merged into train here)",
        ),
    ),
    extras=(
        ArraySpec("event_id", (), "int64", "1", "hard collision; a jet of another variant may be of the same"),
        ArraySpec("n_pileup", (), "int32", "1", "minimum-bias events in the crossing"),
        _particle_level("pt", "GeV", "transverse momentum"),
        _particle_level("mass", "GeV", "mass"),
        _particle_level("multiplicity", "1", "number of particles", "int32"),
        _particle_level("width", "1", "width, sum of pT times distance to the axis over sum of pT"),
        _particle_level("tau21", "1", "N-subjettiness tau2 / tau1, beta = 1, exclusive kT axes (arXiv:1011.2268)"),
        _particle_level("groomed_mass", "GeV", "mass after soft drop, z_cut 0.1, beta 0 (arXiv:1402.2657)"),
    ),
    target=ArraySpec("label", (), "uint8", "1", "1 for a top jet, 0 for a QCD jet"),
    classes=("QCD", "top"),
    splits=MappingProxyType({"train": 1_614_000, "test": 404_000}),
    sources=(
        PublishedSource(
            "DESY",
            (
                PublishedFile(
                    name="1_top_tagging_2M.npz",
                    mirrors=(_DESY,),
                    layout="npz",
                    splits=("train", "test"),
                    md5="708a8369d75ceff2229bd8c46b47afea",
                ),
            ),
            note="the file of arXiv:2107.00656; its link is reported dead (404) since 2026",
        ),
        PublishedSource(
            "Zenodo 2603256",
            (_zenodo("train", "train"), _zenodo("val", "train"), _zenodo("test", "test")),
            note="the reference set itself, in its three original parts",
        ),
        PublishedSource(
            "Hugging Face dl4phys/top_tagging",
            (_hub("train", "train"), _hub("validation", "train"), _hub("test", "test")),
            note="a copy of the reference set as Parquet, CC BY 4.0; its columns are those that its page shows, "
            "its files those that public scripts fetch; the files themselves were not seen",
        ),
    ),
    variants=MappingProxyType(
        {
            "default": Variant(
                "as the published jets look: no pile-up, multiple parton interactions, Monash tune"
            ),
            "mpi_off": Variant("without multiple parton interactions", MappingProxyType({"mpi": False})),
            "pileup50": Variant(
                "50 minimum-bias events on average in each crossing", MappingProxyType({"pileup": 50.0})
            ),
            "tune_a14": Variant(
                "ATLAS tune A14 (NNPDF2.3LO; Pythia's Tune:pp = 21)", MappingProxyType({"tune": 21})
            ),
            "scale_up": Variant("constituent energies up by 1 %", MappingProxyType({"energy_scale": 1.01})),
            "scale_down": Variant("constituent energies down by 1 %", MappingProxyType({"energy_scale": 0.99})),
            "cms": Variant("a detector like CMS", MappingProxyType({"detector": "cms"})),
            "card_2": Variant(
                "as in versions 1 and 2 of this card: Delphes' later ATLAS numbers, no multiple parton "
                "interactions, K0S and Lambda reach the calorimeter",
                MappingProxyType({"detector": "atlas", "mpi": False, "long_lived": "stable"}),
            ),
        }
    ),
    graph="k = 7 nearest neighbours in (delta_eta, delta_phi) of the leading 100 constituents, made symmetric",
    generator="Pythia 8, a detector response with the numbers of Delphes' ATLAS card of 2015, FastJet",
    unknown=(
        "MD5 of the Zenodo parts as served today, hashes of the copy on the Hugging Face hub (the SHA-256 of what "
        "arrived is recorded instead)",
        "whether the copy on the hub has all jets of the reference set, in its order",
        "whether the DESY file keeps the order of the Zenodo parts",
        "the pTHat range and any weighting used for the published jets, and Pythia's version",
        "whether the published jets have multiple parton interactions: the papers say no, the jets look like yes",
        "whether the published jets are all of an event or the leading one",
    ),
    licence="CC BY 4.0 (Zenodo 2603256); generated events: yours, made with Pythia 8 and FastJet",
    group="event_id",
    literature=LITERATURE,
    citations=(
        SHARED_DATA_PAPER,
        Citation(
            "Kasieczka:2019dbj",
            """@article{Kasieczka:2019dbj,
  author = "Kasieczka, Gregor and others",
  title = "{The Machine Learning landscape of top taggers}",
  journal = "SciPost Phys.", volume = "7", pages = "014", year = "2019",
  doi = "10.21468/SciPostPhys.7.1.014", eprint = "1902.09914", archivePrefix = "arXiv"
}""",
        ),
        Citation(
            "Kasieczka:2019data",
            """@misc{Kasieczka:2019data,
  author = "Kasieczka, Gregor and Plehn, Tilman and Thompson, Jennifer and Russell, Michael",
  title = "{Top Quark Tagging Reference Dataset}", year = "2019",
  publisher = "Zenodo", doi = "10.5281/zenodo.2603256"
}""",
        ),
        Citation(
            "Butter:2017cot",
            """@article{Butter:2017cot,
  author = "Butter, Anja and Kasieczka, Gregor and Plehn, Tilman and Russell, Michael",
  title = "{Deep-learned Top Tagging with a Lorentz Layer}",
  journal = "SciPost Phys.", volume = "5", pages = "028", year = "2018",
  doi = "10.21468/SciPostPhys.5.3.028", eprint = "1707.08966", archivePrefix = "arXiv"
}""",
        ),
    ),
)
