"""What a number says about the predictions that it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pd4ml.card import Measurement

__all__ = ["hints"]

# An area is below 0.5 for another reason than chance where it is so many errors below.
_ERRORS = 5


def hints(measured: Mapping[str, Measurement], classes: Sequence[str] = ()) -> list[str]:
    """A line for what looks like a mistake: scores of the other class, columns of classes in another order.

    ``measured`` are metrics by name, ``classes`` the names of the classes, if there are any.
    """
    below = [
        name
        for name, of in measured.items()
        if name == "auc" or name.startswith("auc_class_")
        if of.value + _ERRORS * (of.error or 0.0) < 0.5
    ]
    if below == ["auc"]:
        auc, name = measured["auc"].value, f" ({classes[1]})" if len(classes) == 2 else ""
        return [
            f"AUC {auc:.3f} is {1 - auc:.3f} the other way round: these look like scores of class 0. Nothing was "
            f"changed; give the probability of class 1{name}, that is 1 - score, or the logit with the other sign"
        ]
    if below:
        which = ", ".join(name.removeprefix("auc_") for name in below)
        return [f"AUC below 0.5 of {which}: are the columns in the order of the classes?"]
    return []
