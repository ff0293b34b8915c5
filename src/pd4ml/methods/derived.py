"""What methods make of finished models: members, a rule that joins their outputs, and a few numbers it needs.

A rule is a function that is known by name (`register_rule`); what it needs besides the members' outputs are arrays
and options. All of it is plain data in the run's folder, and the members lie whole in sub-folders, so that a
derived run needs nothing of the runs that it was made from, and can be a member of another.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd4ml.arguments import as_whole
from pd4ml.dataset import Dataset
from pd4ml.errors import DataError, one_line, unknown_name
from pd4ml.sample import FeatureView, Sample
from pd4ml.storage.atomic import write_bytes, write_text
from pd4ml.storage.npz import read_npz
from pd4ml.storage.small import read_json
from pd4ml.storage.store import Events
from pd4ml.training.fitted import FEATURES_NAME, MODEL_FILES, Fitted, Options, load_fitted
from pd4ml.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ESTIMATOR", "Derived", "DerivedEstimator", "Rule", "register_rule", "registered_rules"]

_FORMAT = 1
_FILE, _ARRAYS = "derived.json", "derived.npz"
_MOST_MEMBERS = 1000

MODEL_FILES.update({_FILE: __name__, _ARRAYS: __name__})  # they belong to the record, and this module loads them

Rule = Callable[["Derived", Sequence[NDArray[Any]], Events], NDArray[Any]]
Fields = Mapping[str, NDArray[np.float32]]
Spreads = Callable[["Derived", Sequence[Fields]], Fields]
_rules: dict[str, Rule] = {}
_spreads: dict[str, Spreads] = {}


def register_rule(kind: str, spreads: Spreads | None = None) -> Callable[[Rule], Rule]:
    """A decorator that makes a rule known as ``kind``: from a `Derived`, its members' outputs and the events.

    ``spreads`` makes the other fields of predictions (spread, lower, upper) of those of the members.
    """

    def register(rule: Rule) -> Rule:
        if kind in _rules:
            raise DataError(f"a rule of the name {kind!r} is there already")
        _rules[kind] = rule
        if spreads is not None:
            _spreads[kind] = spreads
        return rule

    return register


def registered_rules() -> list[str]:
    """Names of all rules."""
    return sorted(_rules)


class Derived(Fitted):
    """Models whose outputs are joined by a rule.

    ``members`` are trained models of one dataset, ``kind`` names the rule, ``arrays`` and ``options`` (plain JSON)
    are what it needs.
    """

    def __init__(
        self,
        members: Sequence[Fitted],
        kind: str,
        arrays: Mapping[str, NDArray[Any]] = MappingProxyType({}),
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        if kind not in _rules:
            raise unknown_name("rule", kind, registered_rules())
        first = members[0]
        super().__init__(first.dataset, first.task, first.view, None)
        self.members, self.kind = tuple(members), kind
        self.arrays, self.options = dict(arrays), dict(options)

    @property
    def n_parameters(self) -> int:
        """Those of all members and the numbers of the rule."""
        return sum(m.n_parameters for m in self.members) + sum(a.size for a in self.arrays.values())

    def predict(self, events: Events, batch_size: int = 512) -> NDArray[np.float32]:
        """What the rule makes of the members' outputs for all ``events``."""
        return self.predict_fields(events, batch_size)["output"]

    def predict_fields(self, events: Events, batch_size: int = 512) -> dict[str, NDArray[np.float32]]:
        """``output``, and the other fields that the rule knows to make of the members'."""
        for member in self.members:
            member.threads = self.threads
        fields = [member.predict_fields(events, batch_size) for member in self.members]
        found = {"output": self.join([of["output"] for of in fields], events)}
        return found | dict(_spreads[self.kind](self, fields) if self.kind in _spreads else {})

    def join(self, outputs: Sequence[NDArray[Any]], events: Events) -> NDArray[np.float32]:
        """What the rule makes of ``outputs``, one array of each member, for ``events``."""
        return np.asarray(_rules[self.kind](self, outputs, events), np.float32)

    def n_nodes(self, events: Events) -> NDArray[np.int64]:
        """(N,) the number of nodes of each event's graph."""
        return self.members[0].n_nodes(events)

    def save(self, folder: Path) -> None:
        """Write ``features.json``, ``derived.json`` and ``derived.npz``, and each member into a sub-folder."""
        for k, member in enumerate(self.members):
            (folder / f"member{k}").mkdir(exist_ok=True)
            member.save(folder / f"member{k}")
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **self.arrays)
        write_bytes(folder / _ARRAYS, stream.getvalue())
        write_bytes(folder / FEATURES_NAME, self.view.to_json().encode())
        body = {"format": _FORMAT, "kind": self.kind, "members": len(self.members), "options": self.options}
        write_text(folder / _FILE, json.dumps(body, indent=1, allow_nan=False) + "\n")


class DerivedEstimator:
    """Loads what `Derived` saved; nothing is trained."""

    def fit(self, samples: Mapping[str, Sample], recipe: Recipe, folder: Path, options: Options) -> Derived:
        """DataError: derived runs are made of finished ones."""
        raise DataError(f"the recipe {recipe.name} trains no model: derived runs are made of finished ones")

    def load(self, folder: Path, dataset: type[Dataset], view: FeatureView, model: nn.Module | None) -> Derived:
        """The members, the rule and its numbers; a ``model`` of the user's takes the weights of each member."""
        try:
            body = read_json(folder / _FILE)
            kind, members, options = str(body["kind"]), as_whole("members", body["members"]), dict(body["options"])
            if body["format"] != _FORMAT or not 0 < members <= _MOST_MEMBERS:
                raise ValueError(f"format {body['format']!r}, {members} members")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = one_line(str(error))
            raise DataError(f"{folder / _FILE} cannot be used ({reason}): derive the run again") from error
        arrays = read_npz(folder / _ARRAYS)
        folders = [folder / f"member{k}" for k in range(members)]
        if links := [member for member in folders if member.is_symlink()]:
            raise DataError(f"{links[0]} is a link, and members lie in their run's folder: derive the run again")
        loaded = [load_fitted(member, copy.deepcopy(model)) for member in folders]
        return Derived(loaded, kind, arrays, options)


ESTIMATOR = DerivedEstimator()
