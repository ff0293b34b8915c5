"""Nothing in a ledger can be changed, lost, reordered or told twice without being found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd4ml.collaborate.ledger import (
    COORDINATOR,
    Entry,
    Ledger,
    Signer,
    compare_ledgers,
    read_ledger,
    verify_ledger,
)
from pd4ml.errors import DataError

pytest.importorskip("cryptography", reason="needs the extra [collaborate]")

NAMES = (COORDINATOR, "a", "b", "c")


@pytest.fixture(scope="module")
def signers() -> dict[str, Signer]:
    return {name: Signer(name) for name in NAMES}


def written(file: Path, signers: dict[str, Signer], rounds: int = 3) -> Path:
    ledger = Ledger(file)

    def add(author: str, kind: str, **body: Any) -> None:
        ledger.append(signers[author].entry(ledger.last, kind, body))

    authors = {name: signer.public for name, signer in signers.items()}
    add(COORDINATOR, "start", authors=authors, strategy={"kind": "vote", "threshold": 0.5})
    for round_ in range(rounds):
        proposer = NAMES[1 + round_ % 3]
        add(proposer, "proposal", round=round_, weights=f"{round_:064x}")
        for name in NAMES[1:]:
            yes = None if name == proposer else round_ != 1
            add(name, "vote", round=round_, proposal=f"{round_:064x}", yes=yes)
        add(COORDINATOR, "decision", round=round_, proposal=f"{round_:064x}", accepted=round_ != 1)
    return file


@pytest.fixture
def ledger(tmp_path: Path, signers: dict[str, Signer]) -> Path:
    return written(tmp_path / "ledger.jsonl", signers)


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def test_what_was_written_is_read(ledger: Path) -> None:
    assert [e.kind for e in verify_ledger(ledger)] == [
        "start",
        *(3 * ["proposal", "vote", "vote", "vote", "decision"]),
    ]


@pytest.mark.parametrize("place", range(16))
def test_every_changed_byte_is_found(ledger: Path, place: int) -> None:
    """The middle of every entry: where it is changed, or the one after it."""
    before = lines(ledger)
    line = bytearray(before[place])
    at = len(line) // 2
    line[at] = line[at] ^ 1
    ledger.write_bytes(b"".join([*before[:place], bytes(line), *before[place + 1 :]]))
    with pytest.raises(DataError, match=r"entry \d+"):
        verify_ledger(ledger)


def resigned(entry: Entry, signer: Signer, **changes: Any) -> Entry:
    """What an author could write instead."""
    values = {**vars(entry), **changes, "signature": ""}
    unsigned = Entry(**values)
    return Entry(**{**values, "signature": signer._key.sign(unsigned.signed).hex()})


CHANGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "left out": (lambda n: [*n[:5], *n[6:]], "entry 6 stands where entry 5 is expected"),
    "reordered": (lambda n: [*n[:3], n[4], n[3], *n[5:]], "entry 4 stands where entry 3 is expected"),
    "repeated": (lambda n: [*n[:3], n[2], *n[3:]], "entry 2 stands where entry 3 is expected"),
    "begun later": (lambda n: n[1:], "entry 1 stands where entry 0 is expected"),
    "cut within a line": (lambda n: [*n[:-1], n[-1][:40]], "entry 15 is cut off"),
    "no JSON": (lambda n: [*n[:2], b"{}\n", *n[3:]], "entry 2 is no entry"),
    "written otherwise": (
        lambda n: [n[0], n[1].replace(b'{"author"', b'{ "author"'), *n[2:]],
        "entry 1 is not written",
    ),
    "nothing": (lambda n: [], "has no entries"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_named(ledger: Path, name: str) -> None:
    change, message = CHANGES[name]
    ledger.write_bytes(b"".join(change(lines(ledger))))
    with pytest.raises(DataError, match=message):
        verify_ledger(ledger)


def test_another_author_cannot_sign(ledger: Path, signers: dict[str, Signer]) -> None:
    entries = read_ledger(ledger)
    forged = resigned(entries[2], signers["b"], body={**entries[2].body, "yes": False})
    ledger.write_bytes(b"".join([*lines(ledger)[:2], forged.line + b"\n"]))
    with pytest.raises(DataError, match="entry 2 is not signed by a"):
        verify_ledger(ledger)


def test_an_author_who_writes_anew_breaks_the_chain(ledger: Path, signers: dict[str, Signer]) -> None:
    entries = read_ledger(ledger)
    forged = resigned(entries[3], signers["b"], body={**entries[3].body, "yes": False})
    ledger.write_bytes(b"".join([*lines(ledger)[:3], forged.line + b"\n", *lines(ledger)[4:]]))
    with pytest.raises(DataError, match="entry 4 does not follow the entry before it"):
        verify_ledger(ledger)


def test_a_coordinator_cannot_decide_against_the_votes(ledger: Path, signers: dict[str, Signer]) -> None:
    kept = lines(ledger)[:5]
    file = ledger.with_name("wrong.jsonl")
    file.write_bytes(b"".join(kept))
    found = Ledger(file)
    body = {"round": 0, "proposal": f"{0:064x}", "accepted": False}
    with pytest.raises(DataError, match="says accepted: False, the votes of the round say True"):
        found.append(signers[COORDINATOR].entry(found.last, "decision", body))
    assert file.read_bytes() == b"".join(kept)


@pytest.mark.parametrize(
    ("author", "kind", "body", "message"),
    [
        ("a", "proposal", {"round": 7}, "of round 7, expected 3"),
        ("a", "decision", {"round": 3}, "a decision by a"),
        (COORDINATOR, "vote", {"round": 3}, "a vote by coordinator"),
        ("a", "start", {}, "which cannot be here"),
    ],
)
def test_what_cannot_come_next_is_not_written(
    ledger: Path, signers: dict[str, Signer], author: str, kind: str, body: dict[str, Any], message: str
) -> None:
    found = Ledger(ledger)
    with pytest.raises(DataError, match=message):
        found.append(signers[author].entry(found.last, kind, body))


def test_a_stranger_takes_no_part(ledger: Path) -> None:
    found = Ledger(ledger)
    with pytest.raises(DataError, match="by mallory, who takes no part"):
        found.append(Signer("mallory").entry(found.last, "vote", {"round": 3}))
    with pytest.raises(DataError, match="is not signed by a"):
        found.append(Signer("a").entry(found.last, "vote", {"round": 3}))


def test_a_vote_counts_once(ledger: Path, signers: dict[str, Signer]) -> None:
    found = Ledger(ledger)
    body = {"round": 3, "proposal": None, "yes": True}
    found.append(signers["a"].entry(found.last, "vote", body))
    with pytest.raises(DataError, match="the second vote of a"):
        found.append(signers["a"].entry(found.last, "vote", body))


def test_keys_can_be_known_from_elsewhere(ledger: Path, signers: dict[str, Signer]) -> None:
    keys = {name: signer.public for name, signer in signers.items()}
    verify_ledger(ledger, keys)
    with pytest.raises(DataError, match="other keys"):
        verify_ledger(ledger, {**keys, "a": keys["b"]})


def test_forks_and_lost_ends_show_when_ledgers_are_compared(
    ledger: Path, signers: dict[str, Signer], tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(ledger.read_bytes())
    assert compare_ledgers(ledger, other) == 16
    other.write_bytes(b"".join(lines(ledger)[:11]))
    with pytest.raises(DataError, match=r"other.jsonl ends after entry 10; the other has 16"):
        compare_ledgers(ledger, other)
    story = Ledger(other)
    story.append(signers["c"].entry(story.last, "proposal", {"round": 2, "weights": "else"}))
    with pytest.raises(DataError, match=r"entry 11 differs.*two stories"):
        compare_ledgers(ledger, other)


def test_a_line_that_was_being_written_is_dropped(ledger: Path) -> None:
    before = ledger.read_bytes()
    with ledger.open("ab") as stream:
        stream.write(b'{"author":"a","bo')
    with pytest.raises(DataError, match="entry 16 is cut off"):
        verify_ledger(ledger)
    assert len(Ledger(ledger).entries) == 16
    assert ledger.read_bytes() == before


def test_a_key_is_its_owners_alone(tmp_path: Path) -> None:
    first = Signer("a", tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert Signer("a", tmp_path / "key").public == first.public
    (tmp_path / "bad").write_text("no key")
    with pytest.raises(DataError, match="holds no Ed25519 key"):
        Signer("a", tmp_path / "bad")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no plain file"):
        read_ledger(tmp_path / "pipe")
    with pytest.raises(OSError, match="no plain file"):
        Signer("a", tmp_path / "pipe")


def test_entries_hold_json_only(signers: dict[str, Signer]) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        signers["a"].entry(None, "vote", {"change": float("nan")})
    assert json.loads(signers["a"].entry(None, "start", {}).line)["author"] == "a"
