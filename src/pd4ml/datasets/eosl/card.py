"""The card of EOSL: what the published file holds and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pd4ml.card import SHARED_DATA_PAPER, ArraySpec, Card, Citation, PublishedFile, PublishedSource, Variant
from pd4ml.datasets.eosl.literature import LITERATURE

__all__ = ["CARD"]

_DESY = "https://syncandshare.desy.de/index.php/s/NXojejGjKdSJSR2/download/3_EOSL_or_EOSQ_180k.npz"


def _variant(description: str, **config: Any) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="EOSL",
    version="3",
    title="equation of state of QCD matter in heavy-ion collisions",
    task="classification",
    description="""
Final pions of heavy-ion collisions, counted in 24 bins of transverse momentum and 24 of azimuth. The matter in
between is described by hydrodynamics with one of two equations of state: EOSL, a smooth cross-over as lattice QCD
has it, or EOSQ, a transition of first order. Wanted is which. Initial states fluctuate from event to event; three
of four spectra are counts of one event, the fourth is the mean of thirty draws of one.
""",
    inputs=(
        ArraySpec(
            "pion_spectrum",
            (24, 24),
            "float32",
            "1",
            "number of pions in bins of transverse momentum (rows, rising) and azimuth (columns)",
            non_negative=tuple(range(24)),
        ),
    ),
    extras=(
        ArraySpec(
            "event_id",
            (),
            "int64",
            "1",
            "hydrodynamic event; its spectra differ in their draws",
        ),
        ArraySpec(
            "kind", (), "uint8", "1", "spectrum: 0 = one draw of an event, 1 = mean of (30) draws of one event"
        ),
        ArraySpec("smooth", (), "uint8", "1", "initial state: 0 = of a single event, 1 = smooth, averaged"),
        ArraySpec("system", (), "uint8", "1", "0 = Au+Au at 200 GeV, 1 = Pb+Pb at 2.76 TeV"),
        ArraySpec("tau0", (), "float32", "fm", "start of the hydrodynamics"),
        ArraySpec("freeze_out", (), "float32", "GeV", "temperature of freeze-out"),
        ArraySpec("centrality", (), "float32", "%", "geometric centrality"),
        ArraySpec("impact_parameter", (), "float32", "fm", "distance of the nuclei's centres"),
        ArraySpec(
            "reaction_plane", (), "float32", "rad", "azimuth of the impact parameter, from column 0's left edge"
        ),
    ),
    group="event_id",
    target=ArraySpec("label", (), "uint8", "1", "1 = EOSQ, first order; 0 = EOSL, cross-over"),
    classes=("EOSL", "EOSQ"),
    splits=MappingProxyType({"train": 126_850, "test": 54_176}),
    sources=(
        PublishedSource(
            "DESY",
            (
                PublishedFile(
                    name="3_EOSL_or_EOSQ_180k.npz",
                    mirrors=(_DESY,),
                    layout="npz",
                    splits=("train", "test"),
                    md5="c070a9743163c3f467ceb87ac4e19fd1",
                ),
            ),
            note="the file of arXiv:2107.00656; its link is reported dead (404) since 2026",
        ),
    ),
    variants=MappingProxyType(
        {
            "default": Variant(
                "fluctuating initial states, a quarter of the spectra means of 30 draws, plane kept"
            ),
            "shift": _variant("test split with earlier starts and earlier freeze-out than train", shift=True),
            "event_by_event": _variant("single draws only", coarse_share=0.0),
            "coarse_grained": _variant("means of 30 draws of one hydrodynamic event only", coarse_share=1.0),
            "smooth": _variant("averaged initial states only", smooth_share=1.0),
            "rotated": _variant("every spectrum rotated by an angle of its own", rotated=True),
            "pce": _variant(
                "cross-over with frozen numbers of hadrons (s95p-PCE), as in arXiv:1612.04262", pce=True
            ),
            "direct": _variant("only pions that the fluid itself emits, no decays", feed_down=False),
            "au_au": _variant("Au+Au at 200 GeV only", pb_share=0.0),
            "pb_pb": _variant("Pb+Pb at 2.76 TeV only", pb_share=1.0),
            "easy": _variant(
                "averaged initial states and means of 30 draws only: easy, for demos and tests of methods",
                smooth_share=1.0,
                coarse_share=1.0,
            ),
            "card_2": _variant(
                "settings of card version 2: half of the states averaged, no decays, rotated, shifted test split",
                smooth_share=0.5,
                coarse_share=0.0,
                feed_down=False,
                rotated=True,
                shift=True,
            ),
            "fine": _variant("cells of 0.2 fm", cell=0.2, n_cells=200),
        }
    ),
    graph="all 24 x 24 bins, joined to the up to eight around them in the image",
    generator="2+1D ideal hydrodynamics from Monte-Carlo Glauber states, Cooper-Frye, decays, Poisson counts",
    unknown=(
        "the transverse momenta of the rows of the published spectra (here: 0 to 2 GeV, from their shape)",
        "which pions are counted, in which rapidities (here: all charges, 3.9 units, from the totals)",
        "the parameters of the published train and test sets; that they differ is inferred from an accuracy that "
        "is low for its AUC (here: the same; variant shift)",
        "the share of means, 0.25 ± 0.12 inferred from twelve published spectra, three of which are means",
        "at which azimuth column 0 begins; the published spectra are not rotated at random, and flow most near "
        "columns 5.5 and 17.5, where the reaction plane is here",
        "the dtype of the published counts (here: float32)",
        "which published spectra are event-by-event and which are means",
    ),
    licence="of the published file: not stated; generated events: yours",
    literature=LITERATURE,
    citations=(
        SHARED_DATA_PAPER,
        Citation(
            "Pang:2016vdc",
            """@article{Pang:2016vdc,
  author = "Pang, Long-Gang and Zhou, Kai and Su, Nan and others",
  title = "{An equation-of-state-meter of quantum chromodynamics transition from deep learning}",
  journal = "Nature Commun.", volume = "9", pages = "210", year = "2018"
}""",
        ),
        Citation(
            "Du:2019civ",
            """@article{Du:2019civ,
  author = "Du, Yi-Lun and Zhou, Kai and Steinheimer, Jan and Pang, Long-Gang and others",
  title = "{Identifying the nature of the QCD transition in relativistic collision of heavy nuclei
    with deep learning}",
  eprint = "1910.11530", archivePrefix = "arXiv"
}""",
        ),
        Citation(
            "Huovinen:2009yb",
            """@article{Huovinen:2009yb,
  author = "Huovinen, Pasi and Petreczky, Peter",
  title = "{QCD Equation of State and Hadron Resonance Gas}",
  eprint = "0912.2541", archivePrefix = "arXiv"
}""",
        ),
    ),
)
