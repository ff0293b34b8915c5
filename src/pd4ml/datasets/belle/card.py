"""The card of Belle: what the published file holds and what the generator can vary."""

from __future__ import annotations

from types import MappingProxyType

from pd4ml.card import SHARED_DATA_PAPER, ArraySpec, Card, Citation, PublishedFile, PublishedSource, Variant
from pd4ml.datasets.belle.literature import LITERATURE

__all__ = ["CARD"]

_DESY = "https://syncandshare.desy.de/index.php/s/CWD9CdCHgizgNxq/download/6_belle_selective_400k.npz"


def _variant(description: str, **config: float) -> Variant:
    return Variant(description, MappingProxyType(config))


CARD = Card(
    name="Belle",
    version="3",
    title="decays of the Upsilon(4S) that pass a selection of hadronic B0 (smartBKG)",
    task="classification",
    description="""
Generated decays of the Upsilon(4S) to B0 anti-B0 at Belle II, 7 GeV electrons on 4 GeV positrons. The label is 1
if an event passes a selection, applied after detector simulation and reconstruction: a candidate for a
hadronically decaying B0 (full event interpretation) and cuts on the whole event. Models see the generated
particles only and are to say beforehand which events are worth a detector simulation. Up to 100 particles, from
the Upsilon(4S) down to what lives long, that are made within 10 cm, each with production time and vertex,
four-momentum, a token that stands for its PDG code, and the index of its mother. Half of the events pass.
References: arXiv:2107.00656, github.com/kahn-jms/belle-selective-mc-dataset.
""",
    inputs=(
        ArraySpec(
            "particles",
            (100, 9),
            "float32",
            "ns, GeV, cm, cm, cm, GeV, GeV, GeV, 1",
            "prod_time (from the first particle's), energy, production vertex x, y, z, momentum px, py, pz in the "
            "laboratory, PID (token of the PDG code, from 1, by the room's table pdg_tokens.csv, which is the "
            "published file's)",
            padding=0,
            non_negative=(1, 8),
        ),
        ArraySpec("mother_index", (100,), "int16", "1", "place of the mother, -1 for none here", padding=-1),
    ),
    extras=(
        ArraySpec(
            "m_bc", (), "float32", "GeV", "beam-constrained mass of the most probable B0; -1: none", padding=-1
        ),
        ArraySpec(
            "delta_e", (), "float32", "GeV", "energy difference of the most probable B0; -1: none", padding=-1
        ),
        ArraySpec("signal_probability", (), "float32", "1", "of the most probable B0; -1: none", padding=-1),
        ArraySpec("n_candidates", (), "int32", "1", "number of B0 candidates"),
        ArraySpec("visible_energy", (), "float32", "GeV", "energy of all that is seen, in the centre of mass"),
        ArraySpec("n_tracks", (), "int32", "1", "number of tracks"),
        ArraySpec("n_photons", (), "int32", "1", "number of photons"),
    ),
    target=ArraySpec("label", (), "uint8", "1", "1 if the event passes the selection"),
    classes=("fails", "passes"),
    splits=MappingProxyType({"train": 280_000, "test": 120_000}),
    sources=(
        PublishedSource(
            "DESY",
            (
                PublishedFile(
                    name="6_belle_selective_400k.npz",
                    mirrors=(_DESY,),
                    layout="npz",
                    splits=("train", "test"),
                    md5="85b10c9df3903455ab247a0ab4b51e5f",
                ),
            ),
            note="the file of arXiv:2107.00656; its link is reported dead (404) since 2026",
        ),
    ),
    variants=MappingProxyType(
        {
            "default": _variant("a detector of Belle II's size, the skim of hadronic B0"),
            "resolution_up": _variant(
                "momenta, energies and angles measured 20 % less well", track_resolution=1.2, photon_resolution=1.2
            ),
            "resolution_down": _variant(
                "momenta, energies and angles measured 20 % better", track_resolution=0.8, photon_resolution=0.8
            ),
            "tracking_down": _variant("5 % fewer tracks", tracking_efficiency=0.9025),
            "photons_down": _variant("5 % fewer photons", photon_efficiency=0.9025),
            "identification_down": _variant(
                "kinds of tracks told apart less well: kaons from pions by 2.5 standard deviations, not 3",
                identification=2.5,
            ),
            "background_up": _variant(
                "twice the photons and tracks of the beams' background",
                background_photons=4.0,
                background_tracks=0.6,
            ),
            "background_off": _variant(
                "no photons and tracks of the beams' background", background_photons=0.0, background_tracks=0.0
            ),
            "probable": _variant("signal probability of the candidate above 0.01", min_probability=0.01),
            "tight": _variant(
                "a narrower selection: M_bc above 5.27 GeV, |Delta E| below 0.1 GeV",
                m_bc_min=5.27,
                delta_e_max=0.1,
            ),
            "kekb_beams": _variant(
                "the beams of KEKB: 8 GeV on 3.5 GeV, crossing at 22 mrad",
                electron_energy=8.0,
                positron_energy=3.5,
                crossing_angle=0.022,
            ),
        }
    ),
    graph="mothers and daughters joined, made symmetric; 8 standardised features, token of the 182 most frequent",
    generator=(
        "Pythia 8's decay tables, smearing and efficiencies of Belle II's size, the channels of the full event "
        "interpretation and the event cuts of the skim of hadronic B0 (2019), as basf2 has them; 7.30 ± 0.08 % of "
        "the default events pass (evidence/belle/numbers.json)"
    ),
    unknown=(
        "natural efficiency of the published selection, and which version of the skim made it (inferred: 2019's)",
        "that hyperons decay in the published record, as K0S do, is inferred",
        "beam background, efficiencies and identification of the published detector: here of its size, inferred",
        "which particles of an event with more than 100 the published file keeps",
    ),
    licence="of the published file: unknown; generated events: yours, made with Pythia 8",
    literature=LITERATURE,
    citations=(
        SHARED_DATA_PAPER,
        Citation(
            "Keck:2018lcd",
            """@article{Keck:2018lcd,
  author = "Keck, T. and others",
  title = "{The Full Event Interpretation: An Exclusive Tagging Algorithm for the Belle II Experiment}",
  journal = "Comput. Softw. Big Sci.", volume = "3", pages = "6", year = "2019",
  eprint = "1807.08680", archivePrefix = "arXiv", primaryClass = "hep-ex"
}""",
        ),
        Citation(
            "Bierlich:2022pfr",
            """@article{Bierlich:2022pfr,
  author = "Bierlich, Christian and others",
  title = "{A comprehensive guide to the physics and usage of PYTHIA 8.3}",
  eprint = "2203.11601", archivePrefix = "arXiv", primaryClass = "hep-ph", year = "2022"
}""",
        ),
    ),
)
