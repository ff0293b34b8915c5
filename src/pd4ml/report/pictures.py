"""Which pictures a section of the report has, by its task. Loads matplotlib; import it where drawing starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pd4ml.dataset import Dataset
from pd4ml.report import panels, plots
from pd4ml.report.curves import roc_band
from pd4ml.report.groups import Section
from pd4ml.report.runs import Outputs, read_history
from pd4ml.report.shift import Shifts, main_metrics
from pd4ml.report.shown import deciding_metric, shown_of_classes
from pd4ml.report.style import Picture
from pd4ml.report.trust import reliability

__all__ = ["each_model", "learning", "performance", "shift_pictures", "training"]

ByModel = Mapping[str, Sequence[Outputs]]


def performance(
    anchor: str, section: Section, dataset: type[Dataset] | None, outputs: ByModel
) -> Iterator[Picture]:
    """All models in one plot: curves of a classification, residuals of a regression, classes of a segmentation."""
    task = section.dataset["task"]
    if task == "segmentation":
        yield from _class_points(anchor, section, () if dataset is None else dataset.card.classes)
    if not outputs or dataset is None:
        return
    target, classes = dataset.card.target, dataset.card.classes
    vectors = next(iter(outputs.values()))[0].truth.ndim == 2
    if task == "regression" and vectors:
        yield panels.residuals_by_component(f"{anchor}-residuals", outputs, target.name, target.unit)
        yield panels.truth_by_component(f"{anchor}-bins", outputs, target.name, target.unit)
    elif task == "regression":
        yield plots.residuals(f"{anchor}-residuals", outputs, target.name, target.unit)
        yield plots.residuals_by_truth(f"{anchor}-bins", outputs, target.name, target.unit)
    elif task == "classification" and len(classes) <= 2:
        bands = {label: roc_band(each) for label, each in outputs.items()}
        yield plots.rejection_curves(f"{anchor}-rejection", bands)
        yield plots.roc_curves(f"{anchor}-roc", bands)
    elif task == "classification":
        of_classes = panels.bands_of_classes(outputs, len(classes))
        yield panels.rejection_by_class(f"{anchor}-rejection", of_classes, classes)
        yield panels.roc_by_class(f"{anchor}-roc", of_classes, classes)
    if task != "regression":
        yield reliability(f"{anchor}-reliability", outputs)


def learning(anchor: str, section: Section, dataset: type[Dataset] | None) -> Iterator[Picture]:
    """The metric that decides against the number of training events, of recipes trained on several numbers."""
    metric = deciding_metric(record.metrics for record in section.records)
    if metric and (curves := section.learning_curves):
        published = () if dataset is None else dataset.card.literature
        unit = section.dataset.get("unit", "1")
        yield plots.learning_curves(f"{anchor}-learning", curves, metric, unit, published)


def training(anchor: str, section: Section) -> Iterator[Picture]:
    """Losses by epoch, of all models."""
    histories = {g.label: [h for r in g.records if (h := read_history(r))] for g in section.groups}
    histories = {label: each for label, each in histories.items() if each}
    losses = {"regression": " (mean squared error)", "unlabelled": ""}
    loss = "loss" + losses.get(section.dataset["task"], " (cross-entropy)")
    if histories:
        yield plots.training_curves(f"{anchor}-training", histories, loss)


def each_model(anchor: str, dataset: type[Dataset], outputs: ByModel) -> Iterator[Picture]:
    """Scores and confusion of classes, model by model."""
    classes = dataset.card.classes
    if dataset.card.task not in ("classification", "segmentation") or len(classes) < 2:
        return
    for i, (label, each) in enumerate(outputs.items()):
        if dataset.card.task == "classification" and len(classes) == 2:
            yield plots.scores(f"{anchor}-scores-{i + 1}", label, each, classes)
        elif dataset.card.task == "classification":
            yield panels.scores_by_class(f"{anchor}-scores-{i + 1}", label, each, classes)
        yield panels.confusion_matrix(f"{anchor}-confusion-{i + 1}", label, each, classes)


def shift_pictures(anchor: str, shifts: Mapping[str, Shifts]) -> Iterator[Picture]:
    """Differences from nominal of the one or two metrics that matter most."""
    metrics = main_metrics(list(shifts.values())) if shifts else []
    at_thresholds = [name for name in metrics if "_efficiency_at_" in name]
    if metrics := at_thresholds or metrics[:2]:
        unit = next(iter(shifts.values())).unit
        yield panels.shift_differences(f"{anchor}-shift", shifts, metrics, unit)


def _class_points(anchor: str, section: Section, classes: Sequence[str]) -> Iterator[Picture]:
    """From the records alone."""
    measured = {name for record in section.records for name in record.metrics}
    if metrics := shown_of_classes(measured):
        n = sum(name.startswith(f"{metrics[0]}_class_") for name in measured)
        names = [classes[k] if k < len(classes) else f"class {k}" for k in range(n)]
        yield panels.class_points(f"{anchor}-classes", section.groups, metrics, names)
