"""A server on this machine that sends whatever bytes it is told, over plain connections and over TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Asked", "Behaviour", "Server", "answer", "certificate", "running"]


@dataclass(frozen=True)
class Asked:
    """A request: the target of its first line, and its headers in small letters."""

    target: str
    headers: dict[str, str]

    @property
    def range(self) -> tuple[int, int | None]:
        """First byte, and the one behind the last if it is named."""
        first, _, last = self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1 if last else None


# What is sent: bytes, and seconds of silence.
Behaviour = Callable[[Asked], Iterable[bytes | float]]


class Server(socketserver.ThreadingTCPServer):
    """Behaves on each path as ``on`` says; proxies' requests have the path of their address."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Connection)
        self.context, self.host = context, host
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def on(self, path: str, behaviour: Behaviour, host: str | None = None) -> str:
        """Behave like this on ``path``; returns its address."""
        self.behaviours[path] = behaviour
        return f"{'https' if self.context else 'http'}://{host or self.host}:{self.port}{path}"


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        with contextlib.suppress(OSError, ValueError):
            self.request.settimeout(20)
            connection = self.request
            if server.context is not None:
                connection = server.context.wrap_socket(connection, server_side=True)
            with connection:
                asked = _read(connection)
                server.asked.append(asked)
                path = (
                    "/" + asked.target.partition("://")[2].partition("/")[2]
                    if "://" in asked.target
                    else asked.target
                )
                for piece in server.behaviours.get(path.partition("?")[0], _nothing)(asked):
                    if isinstance(piece, bytes):
                        connection.sendall(piece)
                    elif server.closing.wait(piece):
                        return


def _read(connection: Any) -> Asked:
    head = b""
    while b"\r\n\r\n" not in head:
        if not (piece := connection.recv(1 << 16)):
            raise ValueError("no request")
        head += piece
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return Asked(first.split()[1], {name.lower(): value.strip() for name, value in pairs})


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve while a block runs."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def answer(status: int | str, body: bytes = b"", *, length: object = "", **headers: object) -> bytes:
    """A whole answer; ``length`` is what it says of itself, None for nothing."""
    lines = [f"HTTP/1.1 {status}{' Some Reason' if isinstance(status, int) else ''}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == '' else length}")
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1") + body


def certificate(folder: Path, name: str, *, days: float = 2.0) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a new certificate for ``name`` that it signed itself, and the file to trust it by.

    One of negative ``days`` has expired.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    with contextlib.suppress(ValueError):
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, plain, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


def _nothing(asked: Asked) -> list[bytes]:
    return [answer(404)]
