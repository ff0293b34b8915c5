"""What servers do wrong: for each kind the cases, each a name, what is sent on ``/file``, and how it may end."""

from __future__ import annotations

import gzip
import itertools
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hold.servers.server import Asked, Behaviour, answer

__all__ = [
    "SECRET",
    "Case",
    "bodies",
    "heads",
    "mutated",
    "parts",
    "pieces",
    "redirects",
    "sends",
    "statuses",
    "well",
]

SECRET = "correct-horse"  # a password, which must be printed and written nowhere
_NINES = "9" * 5000
_YEAR = 365 * 86400


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong. ``whole``: the file arrives all the same; None: that is left open."""

    name: str
    behaviour: Behaviour
    whole: bool | None = False


def well(body: bytes, etag: str = '"1"') -> Behaviour:
    """As a good server does, parts included."""

    def behave(asked: Asked) -> Iterator[bytes]:
        if "range" not in asked.headers or asked.headers.get("if-range", etag) != etag:
            yield answer(200, body, ETag=etag)
        else:
            yield part(body, asked, ETag=etag)

    return behave


def part(body: bytes, asked: Asked, **headers: object) -> bytes:
    """The part that is asked for."""
    start, stop = asked.range
    piece = body[start:stop]
    said = f"bytes {start}-{start + len(piece) - 1}/{len(body)}"
    return answer(206, piece, **{"Content_Range": said, **headers})


def sends(*pieces: bytes | float) -> Behaviour:
    """Always these."""
    return lambda asked: pieces


def endless(first: bytes, piece: bytes, pause: float = 0.0) -> Behaviour:
    """``first``, and then ``piece`` again and again."""

    def behave(asked: Asked) -> Iterator[bytes | float]:
        yield first
        while True:
            yield piece
            if pause:
                yield pause

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each request; the last one for all that follow."""
    left = list(behaviours)
    return lambda asked: (left.pop(0) if len(left) > 1 else left[0])(asked)


def cut(body: bytes, n_bytes: int, etag: str = '"1"', **headers: object) -> Behaviour:
    """Hang up after so many bytes; goes on where it is asked to."""

    def behave(asked: Asked) -> Iterator[bytes]:
        whole = answer(200, body, ETag=etag, **headers)
        if "range" in asked.headers:
            whole = part(body, asked, ETag=etag, **headers)
        end = whole.index(b"\r\n\r\n") + 4
        yield whole[: end + n_bytes]

    return behave


def redirects() -> Iterator[Case]:
    """Where servers send others."""
    nowhere = (
        "file:///etc/passwd file://localhost/etc/passwd ftp://127.0.0.1/x gopher://127.0.0.1/ data:,x // http://"
    )
    nowhere += " javascript:alert(1) http:///x http://[ http://[::1 http://127.0.0.1:99999999/ http://127.0.0.1:x/"
    nowhere += (
        f" http://{'a' * 64}.invalid/ http://../ http://a..b/ http://%00/ http://127.0.0.1:1/ HTTP:/// ///etc"
    )
    nowhere += f" http://me:{SECRET}@127.0.0.1:1/ ftp://me:{SECRET}@127.0.0.1/ http://me:{SECRET}@[ \\\\host\\x ?"
    nowhere += (
        f" http://{'a.' * 30_000}/ /{'x' * 60_000} http://xn--{'a' * 50}/ http://[fe80::1%25eth0]:1/ {_NINES}"
    )
    for target in nowhere.split():
        yield Case(f"redirect to {target[:50]}", sends(answer(302, Location=target)))
    for target in ("", "\x00", "http://127.0.0.1\x01/", "http://127.0.0.1 :80/", "http://\xe4\xff/", "\xff\xfe"):
        yield Case(f"redirect to {target!r}", sends(answer(302, Location=target)))
    for status in (300, 301, 302, 303, 304, 305, 306, 307, 308):
        yield Case(f"{status} without a target", sends(answer(status)))
        yield Case(
            f"{status} in a circle", sends(answer(status, Location="/file")), None if status == 300 else False
        )
    yield Case(
        "a body without end behind a redirect", endless(answer(302, length=None, Location="/file"), b"x" * 4096)
    )
    yield Case("redirects that lead nowhere", lambda asked: [answer(302, Location=f"/file?{random.random()}")])


def bodies(body: bytes) -> Iterator[Case]:
    """Lengths and codings that are not what they are said to be."""
    bomb = gzip.compress(bytes(10_000_000))
    squeezed = {
        "gzip": bomb,
        "deflate": zlib.compress(bytes(10_000_000)),
        "gzip, gzip": gzip.compress(bomb),
        "br": body,
        "GZIP": bomb,
        "x-gzip": bomb,
        "identity, gzip": bomb,
    }
    for coding, content in squeezed.items():
        yield Case(f"a body of coding {coding}", sends(answer(200, content, Content_Encoding=coding)))
    yield Case("the file, coded", sends(answer(200, gzip.compress(body), Content_Encoding="gzip")))
    yield Case("coding identity", sends(answer(200, body, Content_Encoding="Identity")), True)
    yield Case(
        "gzip as a coding of transfer", sends(answer(200, bomb, length=None, Transfer_Encoding="gzip, chunked"))
    )
    for length in (
        len(body) - 100,
        0,
        1,
        -1,
        "",
        "x",
        "0x10",
        _NINES,
        "9" * 4000,
        "9" * 18,
        f"{len(body)}, 7",
        "1e3",
    ):
        yield Case(f"length {str(length)[:20]!r}", sends(answer(200, body, length=length or " ")), None)
    more = answer(200, body, length=len(body) + 7)
    yield Case("fewer bytes than promised", sends(more))
    yield Case("a page to log in", sends(answer(200, b"<!DOCTYPE html><html>Log in, please</html>")))
    yield Case("JSON", sends(answer(200, b'{"error": "no such file"}')))
    yield Case("nothing", sends(answer(200, b"")))
    yield Case("another file", sends(answer(200, body[:-200] + bytes(200))))
    yield Case(
        "a name that leads elsewhere",
        sends(answer(200, body, Content_Disposition='attachment; filename="../../x"')),
        True,
    )
    yield Case("cookies", sends(answer(302, Location="/file?2", Set_Cookie=f"a={'x' * 60_000}; Domain=127.0.0.1")))
    yield from _chunked(body)


def _chunked(body: bytes) -> Iterator[Case]:
    head = answer(200, length=None, Transfer_Encoding="chunked")

    def chunk(content: bytes, size: bytes = b"") -> bytes:
        return (size or b"%x" % len(content)) + b"\r\n" + content + b"\r\n"

    whole = head + chunk(body)
    yield Case("chunks", sends(whole + b"0\r\n\r\n"), True)
    yield Case("chunks without an end", sends(whole), None)
    yield Case(
        "chunks with a length",
        sends(whole.replace(b"Connection", b"Content-Length: 7\r\nConnection") + b"0\r\n\r\n"),
        None,
    )
    yield Case("zeros without end in chunks", endless(head + chunk(body), chunk(bytes(1 << 20))))
    yield Case("zeros without end, no length", endless(answer(200, body, length=None), bytes(1 << 20)))
    told = head.replace(b"Connection", b"Content-Length: %d\r\nConnection" % len(body))
    yield Case("more chunks than the length says", endless(told + chunk(body), chunk(bytes(1 << 20))))
    for size in (b"-5", b"-1", b"x", b"", b"9" * 5000, b"f" * 16, b"7fffffffffffffff", b"1_0", b" 10", b"0x10"):
        yield Case(f"a chunk of size {size[:20]!r}", sends(head + chunk(body, size)), None)
    yield Case("an extension without end", endless(head + b"10;", b"x" * 65536))
    yield Case("an extension, byte by byte", endless(head + b"10;", b"x", 0.02))
    yield Case("trailers without end", endless(whole + b"0\r\n", b"X-Trailer: x\r\n" * 1000), None)
    yield Case("a trailer, byte by byte", endless(whole + b"0\r\n", b"x", 0.02), None)
    yield Case("empty pieces of chunks, slowly", endless(head, b"1\r\nP\r\n", 0.05))


def statuses() -> Iterator[Case]:
    """Refusals, and how long to wait."""
    for status in (
        *range(400, 432),
        451,
        *range(500, 512),
        100,
        101,
        102,
        103,
        199,
        201,
        203,
        204,
        205,
        226,
        304,
        600,
        999,
    ):
        yield Case(f"status {status}", sends(answer(status, b"x" * 100)))
    dates = (
        "Fri, 01 Jan 2100 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 -0000",
    )
    times = (_YEAR, -1, _NINES, "9" * 300, "nan", "inf", "1e9", "soon", "", "\u00b2", *dates)
    for wait in times:
        for status in (429, 503):
            yield Case(f"{status}, try again after {str(wait)[:24]!r}", sends(answer(status, Retry_After=wait)))


def heads(body: bytes) -> Iterator[Case]:
    """What comes before a body."""
    lines = [
        "",
        "\r\n",
        "HTTP/1.1",
        "HTTP/1.1 \r\n\r\n",
        "HTTP/1.1 200",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 abc x\r\n\r\n",
    ]
    lines += [
        f"HTTP/1.1 {_NINES} x\r\n\r\n",
        "HTTP/1.1 -5 x\r\n\r\n",
        "HTTP/1.1 0 x\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
    ]
    lines += [
        "220 ftp.example.org ready\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "\x00" * 500,
        "\x16\x03\x01\x02",
    ]
    for line in lines:
        yield Case(f"answers {line[:30]!r}", sends(line.encode()))
    for seed in range(20):
        noise = random.Random(seed).randbytes(2000)
        yield Case(f"noise of seed {seed}", sends(noise))
        yield Case(
            f"noise of seed {seed} as header", sends(b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n" + body), None
        )
    start = b"HTTP/1.1 200 OK\r\n"
    yield Case("a header without end in one line", endless(start + b"X: ", b"x" * 65536))
    yield Case("a header without end in many lines", endless(start, b"X: x\r\n" * 1000))
    yield Case("a header, byte by byte", endless(start + b"X: ", b"x", 0.02))
    yield Case("a first line, byte by byte", endless(b"HTTP/1.1 ", b"2", 0.02))
    yield Case("go on, without end", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
    yield Case("go on, slowly", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02))
    yield Case("hints, without end", endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100))
    yield Case("silence", sends(30.0))
    yield Case("silence behind the header", sends(answer(200, length=len(body)), 30.0))
    yield Case("silence in the middle", sends(answer(200, body[:3000], length=len(body)), 30.0))
    yield Case("a byte at a time", endless(answer(200, body[:2000], length=len(body)), b"x", 0.02))
    yield Case("hangs up at once", sends())
    odd = {"ETag": '"' + "x" * 60_000 + '"', "Last-Modified": "\x01\xff", "X": "\x00", "Content-Type": _NINES}
    for name, value in odd.items():
        yield Case(f"header {name} of {value[:10]!r}", sends(answer(200, body, **{name: value})), True)
    resumed = "a" * 300, "\x01", "x\xff", '"a\t"', "W/x"
    for tag in resumed:
        yield Case(f"goes on with ETag {tag[:10]!r}", in_turn(*[cut(body, 3000, tag)] * 2, well(body, tag)), None)


def pieces(body: bytes) -> Iterator[Case]:
    """What a server sends when it is asked to go on."""
    first, rest = cut(body, 3000), body[3000:]
    said = f"bytes 3000-{len(body) - 1}/{len(body)}"
    yield Case("goes on", in_turn(first, well(body)), True)
    yield Case("hangs up twice", in_turn(first, first, well(body)), True)
    wrong = {
        "other bytes": answer(206, bytes(len(rest)), Content_Range=said, ETag='"1"'),
        "bytes from elsewhere": answer(206, body[100:], Content_Range=f"bytes 100-{len(body) - 1}/{len(body)}"),
        "a range without end": answer(206, rest, Content_Range=f"bytes 3000-/{len(body)}"),
        "a range of nines": answer(206, rest, Content_Range=f"bytes 3000-{_NINES}/{_NINES}"),
        "a total of nines": answer(206, rest, Content_Range=f"bytes 3000-{len(body) - 1}/{_NINES}"),
        "another total": answer(206, rest, Content_Range=f"bytes 3000-{len(body) - 1}/{len(body) + 5}"),
        "a total of stars": answer(206, rest, Content_Range=f"bytes 3000-{len(body) - 1}/*"),
        "no range": answer(206, rest),
        "several parts": answer(206, rest, Content_Type="multipart/byteranges; boundary=x"),
        "416": answer(416, Content_Range=f"bytes */{len(body)}"),
        "the whole": answer(200, body),
        "another ETag": answer(206, rest, Content_Range=said, ETag='"2"'),
        "another date": answer(206, rest, Content_Range=said, Last_Modified="Fri, 01 Jan 2100 00:00:00 GMT"),
        "fewer": answer(206, rest[:-9], Content_Range=said),
        "more": answer(206, rest + bytes(9), Content_Range=said, length=None),
        "gzip": answer(206, gzip.compress(rest), Content_Range=said, Content_Encoding="gzip"),
        "a page": answer(200, b"<!DOCTYPE html>"),
        "404": answer(404),
    }
    gives_up = ("gzip", "a page", "404", "more")
    for name, content in wrong.items():
        whole = None if name in gives_up else True
        yield Case(f"then sends {name}", in_turn(first, sends(content), well(body)), whole)
        yield Case(f"always sends {name}", in_turn(first, sends(content)), name == "the whole" or None)
    head = answer(206, rest, length=None, Content_Range=said)
    yield Case("then zeros without end", in_turn(first, endless(head, bytes(1 << 20))))
    yield Case(
        "a part that nobody asked for",
        sends(answer(206, body, Content_Range=f"bytes 0-{len(body) - 1}/{len(body)}")),
    )


def mutated(body: bytes, seeds: Iterable[int]) -> Iterator[Case]:
    """A good answer in which some bytes of the header are others."""
    good = answer(200, body, ETag='"1"', Last_Modified="Fri, 01 Jan 2021 00:00:00 GMT")
    end = good.index(b"\r\n\r\n") + 4
    for seed in seeds:
        rng, changed = random.Random(seed), bytearray(good)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(end)
            changed[place : place + rng.randint(0, 2)] = rng.choice(
                [rng.randbytes(rng.randint(0, 3)), b"\r\n", b": ", b"\n"]
            )
        yield Case(f"a header changed by seed {seed}", sends(bytes(changed)), None)


def parts(body: bytes) -> Iterator[Case]:
    """What a server sends when parts of a Parquet file are asked for."""

    def lying(total: object, start: object = None, more: bytes = b"", **headers: object) -> Behaviour:
        def behave(asked: Asked) -> Iterator[bytes]:
            first, stop = asked.range
            piece = body[first:stop] + more
            said = f"bytes {first if start is None else start}-{first + len(piece) - 1}/{total}"
            yield answer(206, piece, Content_Range=said, ETag='"1"', **headers)

        return behave

    size = len(body)
    yield Case("parts", well(body), True)
    for total in (_NINES, "9" * 18, "9" * 12, size + 1000, size - 1000, 0, 5, 8, 12, -1, "*", ""):
        yield Case(f"parts of a file of {str(total)[:20]!r} bytes", lying(total))
    yield Case("parts from elsewhere", lying(size, 1))
    yield Case("parts of nines", lying(size, _NINES))
    yield Case("more than was asked for", lying(size, more=b"x"))
    yield Case("parts in gzip", lying(size, Content_Encoding="gzip"))
    yield Case("the whole file", sends(answer(200, body)))
    tags = itertools.count()
    yield Case("another file with each part", lambda asked: [part(body, asked, ETag=f'"{next(tags)}"')])
    yield Case(
        "parts, byte by byte",
        lambda asked: itertools.chain([part(body, asked)[:-1]], itertools.cycle([b"", 0.02])),
    )

    def flood(asked: Asked) -> Iterator[bytes]:
        yield answer(206, length=None, Content_Range=f"bytes {asked.range[0]}-{asked.range[1]}/{size}")
        while True:
            yield bytes(1 << 20)

    yield Case("zeros without end", flood)
    for n_bytes in (0, 1, 4, 7, 8, 11, 12, 100):
        yield Case(
            f"a file of {n_bytes} bytes",
            well(body[:n_bytes] if n_bytes < 8 else b"PAR1" + body[8 - n_bytes :] if n_bytes > 8 else b"PAR1PAR1"),
        )
    for footer in (0, 1, 2**31, 2**32 - 1, size, size - 8, size - 9):
        yield Case(f"a footer of {footer} bytes", well(body[:-8] + footer.to_bytes(4, "little") + b"PAR1"))
    yield Case("a footer of zeros", well(body[:-2000] + bytes(1992) + body[-8:]))
    yield Case("columns of zeros", well(body[:4] + bytes(size // 4) + body[4 + size // 4 :]), None)
