"""The two ends of a connection, over NVFlare's cells: mutual TLS, with the certificates of a kit.

A cell takes the name of its certificate, and a server lets nobody in whose name is another. No code travels, no
job is submitted, nothing is fetched or reported; this module and the one of kits are all that knows NVFlare.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pd4ml.collaborate.weights import MOST
from pd4ml.collaborate.wire.kits import SERVER, Kit
from pd4ml.errors import DataError, missing_extra, one_line

__all__ = ["ServerCell", "SiteCell", "probe"]

_CHANNEL, _TOPIC = "pd4ml", "ask"
_SECONDS = 5.0  # until a server that is there answers a new connection


class _Cell:
    """A cell of a kit, from `__enter__` to `__exit__`; what NVFlare has to say goes into ``log``."""

    def __init__(self, kit: Kit, log: Path, host: str) -> None:
        # One message may have weights twice and a ledger; nobody makes a receiver hold more.
        os.environ.setdefault("NVFLARE_STREAMING_MAX_BLOB_SIZE", str(3 * MOST))
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it would print on standard error
        try:
            from nvflare.fuel.f3.cellnet.cell import Cell
        except ImportError as error:
            raise missing_extra("learning between machines", "network", error) from error
        if (owner := _owner(kit)) != kit.name:
            raise DataError(f"{kit.folder} calls itself the kit of {kit.name}, its certificate is that of {owner}")
        self.kit, self._log = kit, logging.FileHandler(log, encoding="utf-8")
        logger = logging.getLogger("nvflare")
        logger.addHandler(self._log)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        authority, certificate, key = (str(file) for file in kit.files)
        stem = "server" if kit.name == SERVER else "client"
        credentials = {
            "ca_cert": authority,
            f"{stem}_cert": certificate,
            f"{stem}_key": key,
            "connection_security": "mtls",
        }
        try:
            self.cell: Any = Cell(kit.name, f"grpc://{host}:{kit.port}", True, credentials)
        except Exception as error:  # NVFlare has kinds of its own for what is no certificate of this authority
            self._forget()
            raise DataError(one_line(f"{kit.folder} is no whole kit: {error}", 200)) from error

    def close(self) -> None:
        """Leave; the other side sees that."""
        self.cell.core_cell.stop()
        self._forget()

    def _forget(self) -> None:
        """Drop what NVFlare keeps of a cell's name: this process may have another one, or ask one elsewhere."""
        from nvflare.fuel.f3.cellnet.core_cell import CoreCell
        from nvflare.fuel.f3.stats_pool import StatsPoolManager

        CoreCell.ALL_CELLS.pop(self.kit.name, None)
        StatsPoolManager.pools.clear()
        logging.getLogger("nvflare").removeHandler(self._log)
        self._log.close()


class ServerCell(_Cell):
    """The server's end: it listens, and asks sites."""

    def __init__(self, kit: Kit, log: Path) -> None:
        if not _is_free(kit.port):
            raise DataError(f"port {kit.port} is in use: end what uses it, or make kits with another --port")
        super().__init__(kit, log, kit.host if kit.host == "127.0.0.1" else "0")
        self.cell.core_cell.start()

    def ask(self, site: str, content: bytes, timeout: float) -> bytes:
        """What ``site`` answers; DataError if it is not there, goes away or takes longer than ``timeout`` s."""
        from nvflare.fuel.f3.cellnet.utils import new_cell_message

        connection = _Connection(self.cell.core_cell, site)
        if connection.triggered:
            raise DataError(f"{site} is not connected")
        try:
            reply = self.cell.send_request(
                channel=_CHANNEL,
                topic=_TOPIC,
                target=site,
                request=new_cell_message({}, content),
                timeout=timeout,
                optional=True,
                abort_signal=connection,
            )
        except Exception as error:  # whatever NVFlare raises, the others go on
            raise DataError(one_line(f"{site} cannot be asked: {type(error).__name__}: {error}", 200)) from error
        if isinstance(reply.payload, bytes | bytearray | memoryview):
            return bytes(reply.payload)
        if connection.triggered:
            raise DataError(f"the connection to {site} broke")
        reason = reply.get_header("cn__error") or f"no answer within {timeout:g} s"
        raise DataError(one_line(f"{site}: {reason}", 200))


class _Connection:
    """What NVFlare asks whether to go on waiting: not, once the site's connection is gone or another one."""

    def __init__(self, core: Any, site: str) -> None:
        self._core, self._site = core, site
        self._agent = core.agents.get(site)

    @property
    def triggered(self) -> bool:
        return self._agent is None or self._core.agents.get(self._site) is not self._agent


class SiteCell(_Cell):
    """A site's end: it connects, again and again where need be, and ``answer`` is what it says to requests."""

    def __init__(self, kit: Kit, log: Path, answer: Callable[[bytes], Future[bytes]]) -> None:
        super().__init__(kit, log, kit.host)
        self._answer = answer
        self.cell.register_request_cb(channel=_CHANNEL, topic=_TOPIC, cb=self._asked)
        self.cell.core_cell.start()

    def _asked(self, message: Any) -> Any:
        from nvflare.fuel.f3.cellnet.utils import make_reply

        reply: Future[Any] = Future()
        content = message.payload if isinstance(message.payload, bytes | bytearray | memoryview) else b""
        found = self._answer(bytes(content))
        found.add_done_callback(lambda done: reply.set_result(make_reply("ok", body=done.result())))
        return reply


def probe(kit: Kit) -> str:
    """Knock at the server's door: why a site of ``kit`` cannot come in now, empty if it can.

    Raises
    ------
    DataError
        If it never can: one of the two has certificates of another authority.
    """
    authority, certificate, key = kit.files
    try:
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise DataError(one_line(f"{kit.folder} is no whole kit: {error}", 200)) from error
    context.set_alpn_protocols(["h2"])
    where = f"{kit.host}:{kit.port}"
    refusal = DataError(f"the server at {where} does not let this kit in: is it of this collaboration?")
    try:
        with (
            socket.create_connection((kit.host, kit.port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=kit.host) as connection,
        ):
            try:  # in TLS 1.3 the server judges the client's certificate after the handshake; gRPC speaks first
                welcome = connection.recv(1)
            except (ssl.SSLError, ConnectionResetError) as error:
                raise refusal from error
            if not welcome:
                raise refusal
    except ssl.SSLCertVerificationError as error:
        raise DataError(
            f"the server at {kit.host}:{kit.port} is not of this kit's collaboration ({error.verify_message})"
        ) from error
    except ssl.SSLError as error:
        raise refusal from error
    except OSError as error:
        return f"{kit.host}:{kit.port} does not answer ({error})"
    return ""


def _owner(kit: Kit) -> str:
    """Whose the certificate of a kit is."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(kit.files[1].read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(one_line(f"{kit.folder} is no whole kit: {error}", 200)) from error
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
