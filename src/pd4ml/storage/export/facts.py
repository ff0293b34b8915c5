"""What exported files say of themselves: where the events come from, what their numbers mean, whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pd4ml.card import ArraySpec, Card
from pd4ml.errors import DataError
from pd4ml.storage.manifest import made

if TYPE_CHECKING:
    from pd4ml.storage.store import Events

__all__ = ["array_facts", "card_of", "event_facts", "licence_of", "origin", "spec_facts"]

_CONSTANT = "the same for all events"
_GENERATED = "; generated events:"


def card_of(events: Events) -> Card:
    """The card of the events, which a dataset gives to all that it opens.

    Parameters
    ----------
    events : Events
        Of one split.

    Returns
    -------
    Card
        Its card.

    Raises
    ------
    DataError
        For events that were opened without one.
    """
    if events.card is None:
        name = events.manifest.dataset
        raise DataError(f"these events of {name} know no card: open them with {name}.open")
    return events.card


def licence_of(card: Card, source: str) -> str:
    """What the card says of the licence of events of this source."""
    published, _, generated = card.licence.partition(_GENERATED)
    return f"of generated events: {generated.strip()}" if source == "generated" and generated else published


def array_facts(events: Events, name: str) -> dict[str, str]:
    """Role, shape, unit and meaning of an array; what is not known is left out."""
    manifest = events.manifest
    specs = () if events.card is None else events.card.arrays  # no card names a drawn setting
    spec = next((spec for spec in specs if spec.name == name), None)
    entry = manifest.arrays[events.split][name]
    role = "target" if name == manifest.target else "extra" if entry.extra else "input"
    facts = {"role": role, "dtype": entry.dtype}
    if spec is not None:
        return facts | spec_facts(spec)
    return facts if entry.per_event else facts | {"constant": _CONSTANT}


def spec_facts(spec: ArraySpec) -> dict[str, str]:
    """Unit and meaning of an array of a card."""
    facts = {"unit": spec.unit, "description": spec.description}
    facts |= {} if spec.padding is None else {"padding": f"{spec.padding:g}"}
    return facts if spec.per_event else facts | {"constant": _CONSTANT}


def event_facts(events: Events) -> dict[str, Any]:
    """Where the events come from, as plain values for JSON."""
    manifest, card = events.manifest, events.card
    facts: dict[str, Any] = {
        "dataset": manifest.dataset,
        "card_version": manifest.card_version,
        "source": manifest.source,
        "variant": manifest.variant,
        "split": events.split,
        "part": "all" if events.index is None else f"{len(events)} of {manifest.n_events(events.split)} events",
        "fingerprint": manifest.fingerprint,
        "created": manifest.created,
        "provenance": _public(made(manifest.provenance)),
    }
    if card is not None:
        facts |= {"title": card.title, "licence": licence_of(card, manifest.source), "cite": card.cite()}
        facts |= {"classes": list(card.classes)} if card.classes else {}
    return facts


def _public(value: Any) -> Any:
    """Provenance without addresses of this computer, which imported files have."""
    if isinstance(value, Mapping):
        shown = {key: item for key, item in value.items() if not str(item).startswith("file:")}
        return {key: _public(item) for key, item in shown.items()}
    return value


def origin(facts: Mapping[str, str]) -> str:
    """How the events of these facts were made, so that generated ones are not taken for the published dataset."""
    if facts["source"] == "published":
        return "the published events, converted by pd4ml"
    if facts["source"] == "generated":
        return f"events that pd4ml generated (variant {facts['variant']}), not the published ones"
    if facts["source"] == "own":
        return "somebody's own events, as they were handed in"
    return f"a part of the published events ({facts['variant']}), imported by pd4ml"
