"""Published scores on TopTagging and on the reference set it was made of (Zenodo 2603256)."""

from __future__ import annotations

from pd4ml.card import Measurement, PublishedScore, shared_data_scores

__all__ = ["LITERATURE"]


def _on_reference_set(
    model: str,
    reference: str,
    auc: float,
    accuracy: float | None = None,
    at_05: float | None = None,
    at_03: float | None = None,
) -> PublishedScore:
    """A score on the test events of the reference set itself, of the model of a paper; None: not given."""
    values = {
        "accuracy": accuracy,
        "auc": auc,
        "background_rejection_0.3": at_03,
        "background_rejection_0.5": at_05,
    }
    metrics = {name: Measurement(value, None) for name, value in values.items() if value is not None}
    return PublishedScore(model, metrics, f"model of {reference}, on the reference set")


LITERATURE = (
    *shared_data_scores(
        n_train=1_614_000,
        reference={"accuracy": (0.939, None), "auc": (0.985, None)},
        graph_net={"accuracy": (0.935, 0.001), "auc": (0.983, None)},
        fcn={"accuracy": (0.907, 0.001), "auc": (0.968, 0.001)},
    ),
    _on_reference_set("PFN", "arXiv:1810.05165", 0.9819, 0.932, 247, 888),
    _on_reference_set("ParticleNet", "arXiv:1902.08570", 0.9858, 0.94, 397, 1615),
    _on_reference_set("ParT", "arXiv:2202.03772", 0.9858, 0.94, 413, 1602),
    _on_reference_set("LorentzNet", "arXiv:2201.08187", 0.9868, 0.942, 498, 2195),
    _on_reference_set("PELICAN", "arXiv:2307.16506", 0.9870, 0.9426, None, 2250),
    _on_reference_set("L-GATr", "arXiv:2405.14806", 0.9870, 0.9423, 540, 2240),
    _on_reference_set("ParT, fine-tuned", "arXiv:2202.03772", 0.9877, 0.944, 691, 2766),
    _on_reference_set("L-GATr, fine-tuned", "arXiv:2411.00446", 0.9879, 0.9446, 651, 2894),
    _on_reference_set("PELICAN, 11,000 parameters", "arXiv:2307.16506", 0.9858),
    _on_reference_set("PELICAN, 248 parameters", "arXiv:2307.16506", 0.9780),
)
