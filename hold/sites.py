"""A collaboration between machines in which somebody says what nobody should, to the server or to a site.

Sites and server are the real ones; only the connection between them is a function call, in which answers and
requests are changed on their way. Certificates and connections have tests of their own (``tests/collaborate``).
"""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from hold.cases import Outcome, Row, Size, collect
from pd4ml.collaborate import groups_of, make_strategy, read_collaboration, verify_ledger
from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.rounds import KEY, LEDGER
from pd4ml.collaborate.weights import from_bytes, to_bytes
from pd4ml.collaborate.wire import hub
from pd4ml.collaborate.wire.kits import SERVER, Kit
from pd4ml.collaborate.wire.messages import Message, pack, request, unpack
from pd4ml.collaborate.wire.serve import serve
from pd4ml.collaborate.wire.site import Offer, Site
from pd4ml.errors import Pd4mlError
from pd4ml.own import own_data
from pd4ml.training.recipe import load_recipe

__all__ = ["rows"]

_NAMES = ("cern", "desy", "kek")
_ROUNDS = 3
_KINDS = ("hello", "begin", "propose", "vote", "loss", "write", "finish", "bye")
# What takes the place of one word of an answer or a request.
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0.5, 10**400, -(10**400), 1e308, "", "\x1b[31m\n", "x" * 70_000, [], [[]] * 99, {}),
    *(
        {"train": 10**400},
        {"events": {"train": True}},
        {"auc": {"value": "x", "error": []}},
        {"auc": {"value": 1e999}},
    ),
)
_Changed = Callable[[str, str, bytes], bytes]


class _Stopped(BaseException):
    """The server is gone."""


class _Pickled:
    """What is executed if anybody unpickles it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


class _World:
    """Three groups, and collaborations of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number, self.marker = folder, 0, folder / "executed"
        rng = np.random.default_rng(1)
        label = np.arange(240) % 2
        points = (rng.normal(size=(240, 4)) + label[:, None]).astype(np.float32)
        sample = own_data(points, label, folder / "data", name="HeldEvents", task="classification")
        self.recipe = load_recipe("fcn_quick", sample.dataset).override(
            batch_size=32, hyperparameters={"width": 8, "depth": 2}
        )
        groups = groups_of(sample.dataset, folder / "data", 3, "equal", source="own").values()
        self.offers = {name: Offer(one, self.recipe) for name, one in zip(_NAMES, groups, strict=True)}
        self.state: bytes = b""
        self.told: dict[str, Message] = {}

    def kits(self) -> dict[str, Kit]:
        """New ones, without certificates."""
        self.number += 1
        place = self.folder / f"kits{self.number}"
        for name in (SERVER, *_NAMES):
            (place / name).mkdir(parents=True)
        (place / SERVER / COORDINATOR).mkdir()
        signer = Signer(COORDINATOR, place / SERVER / COORDINATOR / KEY)
        told = {"format": 1, "host": "127.0.0.1", "port": 1, "sites": list(_NAMES), "coordinator": signer.public}
        for name in (SERVER, *_NAMES):
            (place / name / "kit.json").write_text(json.dumps({**told, "name": name}))
        return {name: Kit.read(place / name) for name in (SERVER, *_NAMES)}

    def serve(self, kits: Mapping[str, Kit], sites: Mapping[str, Site], changed: _Changed) -> list[dict[str, Any]]:
        """The history of a collaboration in which ``changed`` is what the server hears."""

        class Cell:
            def __init__(self, *_: object) -> None:
                pass

            def ask(self, site: str, content: bytes, timeout: float) -> bytes:
                kind = str(unpack(content).head["kind"])
                return changed(site, kind, sites[site].answer(content).result(600))

            def close(self) -> None:
                pass

        with mock.patch.object(hub, "ServerCell", Cell), redirect_stderr(io.StringIO()):
            strategy = make_strategy("fedavg_vote")
            return serve(kits[SERVER].folder, strategy, rounds=_ROUNDS, timeout=600).history

    def sites(self, kits: Mapping[str, Kit]) -> dict[str, Site]:
        """As their processes begin."""
        return {name: Site(kits[name], self.offers[name], kits[name].folder) for name in _NAMES}


def rows(folder: Path, size: Size) -> Iterable[Row]:
    """What sites say, what is said to sites, and a server that is stopped at each of its calls."""
    world = _World(folder)
    kits = world.kits()
    calls: list[tuple[str, str]] = []

    def noted(site: str, kind: str, reply: bytes) -> bytes:
        calls.append((site, kind))
        world.told.setdefault(kind, unpack(reply))
        return reply

    history = world.serve(kits, world.sites(kits), noted)
    world.state = world.told["propose"].blob
    answers = list(_answers(world))
    chosen = answers[:: 4 if size is Size.LONG else 60]
    yield collect("answers of a site that lies", [_heard(world, *case) for case in chosen])
    yield collect("requests to a site", list(_requests(world, kits, 40 if size is Size.SHORT else 1)))
    at = range(0, len(calls), 2 if size is Size.LONG else 20)
    yield collect("a server that is stopped and started again", [_again(world, k, kits, history) for k in at])


def _answers(world: _World) -> Iterator[tuple[str, str, Callable[[bytes], bytes]]]:
    """A name, the kind of call, and what is said instead."""
    archives = dict(_archives(world))
    for kind in _KINDS:
        told = world.told[kind]
        for key in told.head:
            for odd in _ODD:
                yield f"{kind}: {key} {odd!r:.30}", kind, lambda b, k=key, o=odd: _with(b, k, o)  # type: ignore[misc]
            yield f"{kind}: no {key}", kind, lambda b, k=key: _with(b, k)  # type: ignore[misc]
        for name, noise in _noise().items():
            yield f"{kind}: {name}", kind, lambda b, n=noise: n  # type: ignore[misc]
        yield f"{kind}: need begin", kind, lambda b: pack({"need": "begin"})
        yield f"{kind}: an error of escapes", kind, lambda b: pack({"error": "\x1b[31m\n" * 500})
        if told.blob:
            for name, blob in archives.items():
                yield f"{kind}: {name}", kind, lambda b, x=blob: pack(unpack(b).head, x)  # type: ignore[misc]


def _with(content: bytes, key: str, *value: Any) -> bytes:
    """The message with another value, or without one; numbers that are not finite are written, too."""
    message = unpack(content)
    head = {k: v for k, v in message.head.items() if k != key} | ({key: value[0]} if value else {})
    return json.dumps(head).encode() + b"\n" + message.blob


def _noise() -> dict[str, bytes]:
    noise = {f"noise of seed {seed}": random.Random(seed).randbytes(500) for seed in range(5)}
    noise |= {"nothing": b"", "null": b"null\n", "a list": b"[]\n", "deep": b'{"have":' * 50_000 + b"\n"}
    noise |= {
        "deep enough": b'{"have":' + b"[" * 900 + b"]" * 900 + b"}\n",
        "half a character": b'{"error":"\\ud800"}\n',
    }
    noise |= {"5,000 digits": b'{"have":' + b"9" * 5000 + b"}\n", "NaN": b'{"have":NaN,"loss":NaN,"change":NaN}\n'}
    return noise | {"no end of a line": b"{" * 1000, "UTF-16": '{"have": 1}\n'.encode("utf-16")}


def _archives(world: _World) -> Iterator[tuple[str, bytes]]:
    """Weights that are none."""
    state, marker = from_bytes(world.state), _Pickled(world.marker)
    name, first = next(iter(state.items()))
    yield "weights that are not finite", to_bytes({**state, name: np.full_like(first, np.nan)})
    yield "of another shape", to_bytes({**state, name: first[None]})
    yield "of another type", to_bytes({**state, name: first.astype(np.float64)})
    yield "one too many", to_bytes({**state, "extra": first})
    yield "one too few", to_bytes({n: v for n, v in state.items() if n != name})
    yield "pickled", pickle.dumps(marker)
    stream = io.BytesIO()
    np.savez(stream, **{**state, name: np.array([marker], object)})  # type: ignore[arg-type]
    yield "pickled in an archive", stream.getvalue()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", bytes(50_000_000))
    yield "50 MB in 50 kB", stream.getvalue()
    for shape in ("(2**62,)", "(4611686018427387904,)", "(-1,)", "{[]:1}", "(" * 500):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(600) + b"\n"
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        yield f"a shape of {shape[:24]}", stream.getvalue()
    yield "cut off", world.state[:-30]
    yield "with bits flipped", bytes(b ^ (17 * (i % 97 == 0)) for i, b in enumerate(world.state))
    yield "of many bytes", bytes(5_000_000)


def _heard(world: _World, name: str, kind: str, instead: Callable[[bytes], bytes]) -> Outcome:
    """One site says it in all calls of a kind, but that it is there it says in the end."""
    kits, left = world.kits(), [2]

    def changed(site: str, asked: str, reply: bytes) -> bytes:
        if site != "desy" or asked != kind:
            return reply
        left[0] -= kind == "hello"
        return reply if left[0] < 0 else instead(reply)

    wrong = ""
    try:
        history = world.serve(kits, world.sites(kits), changed)
        if [row["round"] for row in history] != list(range(_ROUNDS + 1)):
            wrong = f"played {len(history) - 1} rounds of {_ROUNDS}"
        verify_ledger(kits[SERVER].folder / COORDINATOR / LEDGER)
        read_collaboration(kits[SERVER].folder)
    except Pd4mlError as error:
        if kind not in ("hello", "begin") or "\n" in str(error):  # later on, others go on
            wrong = f"{type(error).__name__}: {error}"
    except Exception as error:  # that is what is looked for
        wrong = f"{type(error).__name__}: {error}"
    if world.marker.exists():
        wrong = "code was executed"
    return Outcome(f"python -m hold sites, desy answers {name}", wrong[:300])


def _requests(world: _World, kits: Mapping[str, Kit], step: int) -> Iterator[Outcome]:
    """What a stranger, or a server that went mad, may ask of a site."""
    site = Site(kits["cern"], world.offers["cern"], kits["cern"].folder)
    signer, call = Signer(COORDINATOR, kits[SERVER].folder / COORDINATOR / KEY), 2**62
    before = (kits["cern"].folder / LEDGER).read_bytes()
    job = {"dataset": "HeldEvents", "recipe": world.recipe.to_dict(), "seed": 1, "epochs": 1, "start": False}
    job["features"] = world.told["begin"].head["features"]
    usual: dict[str, dict[str, Any]] = {
        "begin": job,
        "propose": {"round": 3, "proximal": 0.0},
        "vote": {"round": 3, "cut": len(world.state)},
        "write": {"first": 0, "entries": [], "sign": None},
        "read": {"first": 0},
        "finish": {"round": 3},
    }
    good: dict[str, Any] = {"to": "cern", "kind": "begin", **job}
    cases: list[tuple[str, bytes]] = [(f"of {name}", noise) for name, noise in _noise().items()]
    stranger = Signer(COORDINATOR)
    cases.append(("signed by a stranger", request(stranger, {**good, "call": call + 1})))
    cases.append(("to somebody else", request(signer, {**good, "to": "desy", "call": call + 2})))
    cases.append(("sent again", request(signer, {**good, "call": 1})))
    whole = request(signer, {**good, "call": call + 3}, world.state)
    cases.append(("with other weights", whole[:-1] + b"x"))
    cases.append(("changed", whole.replace(b'"seed":1', b'"seed":2')))
    for kind, said in usual.items():
        for key in said:
            for odd in _ODD:
                call += 10
                head = {"to": "cern", "kind": kind, "call": call, **said, key: odd}
                try:
                    cases.append((f"{kind} with {key} {odd!r:.30}", request(signer, head, world.state)))
                except ValueError:
                    continue  # it cannot be signed
    for archive, blob in _archives(world):
        for kind in ("propose", "vote", "loss", "finish"):
            call += 10
            cases.append(
                (
                    f"{kind} {archive}",
                    request(signer, {"to": "cern", "kind": kind, "call": call, **usual.get(kind, {})}, blob),
                )
            )
    with redirect_stderr(io.StringIO()):
        site.answer(request(signer, {**good, "call": 2**62})).result(600)
        for name, content in cases[::step]:
            wrong = ""
            try:
                said_back = unpack(site.answer(content).result(600)).head
                if not {"error", "have", "entries", "facts"} & set(said_back):
                    wrong = f"answered {said_back}"
            except Exception as error:  # that is what is looked for
                wrong = f"{type(error).__name__}: {error}"
            if world.marker.exists() or (kits["cern"].folder / LEDGER).read_bytes() != before:
                wrong = "code was executed, or the ledger changed"
            yield Outcome(f"python -m hold sites, a request {name}", wrong[:300])


def _again(world: _World, at: int, known: Mapping[str, Kit], history: list[dict[str, Any]]) -> Outcome:
    """The server stops at a call, and is started again: all has the same bits as if it had not been."""
    kits, left = world.kits(), [at]
    sites = world.sites(kits)

    def stopped(site: str, kind: str, reply: bytes) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise _Stopped
        return reply

    wrong = ""
    with suppress(_Stopped):
        world.serve(kits, sites, stopped)
    try:
        again = world.serve(kits, sites, lambda site, kind, reply: reply)
        bodies = [
            [(e.kind, e.author, e.body) for e in verify_ledger(some[SERVER].folder / COORDINATOR / LEDGER)[1:]]
            for some in (kits, known)
        ]
        weights = [(some[SERVER].folder / "weights.npz").read_bytes() for some in (kits, known)]
        if again != history or bodies[0] != bodies[1] or weights[0] != weights[1]:
            wrong = "history, ledger or weights are others than of a server that was not stopped"
    except Pd4mlError as error:
        wrong = f"{type(error).__name__}: {error}"
    return Outcome(f"python -m hold sites, stopped at call {at}", wrong)
