"""Start-up kits: for each group a certificate and a key of one authority, made by NVFlare without any network."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pd4ml.arguments import as_whole
from pd4ml.collaborate.ledger import COORDINATOR, Signer
from pd4ml.collaborate.rounds import KEY
from pd4ml.errors import DataError, StoreError, missing_extra, one_line
from pd4ml.storage.atomic import new_folder, write_text
from pd4ml.storage.small import read_json

__all__ = ["SERVER", "Kit", "make_kits"]

SERVER = "server"
_KIT, _MAKING, _FORMAT, _NAME = "kit.json", "making", 1, re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Kit:
    """What a group, or whoever runs the server, needs to take part, besides its events.

    Parameters
    ----------
    folder : Path
        Where it lies, with its certificate and key.
    name : str
        Whose: a site, or ``server``.
    host : str
        Of the server.
    port : int
        Of the server.
    sites : tuple[str, ...]
        All groups, in the order of their turns.
    coordinator : str
        The public key that signs what sites are asked.
    """

    folder: Path
    name: str
    host: str
    port: int
    sites: tuple[str, ...]
    coordinator: str

    @classmethod
    def read(cls, folder: Path) -> Kit:
        """The kit in ``folder``; DataError if there is none."""
        file = folder / _KIT
        try:
            body = read_json(file)
            if body.pop("format") != _FORMAT:
                raise DataError(f"{file} is of another format than {_FORMAT}, which this version reads")
            kit = cls(folder, **{**body, "sites": tuple(body["sites"])})
            if not all(_NAME.fullmatch(name) for name in (kit.name, *kit.sites)):
                raise ValueError("a name in it is none")
            if not all(isinstance(text, str) and text.isprintable() for text in (kit.host, kit.coordinator)):
                raise TypeError("host and key are texts")
            as_whole("port", kit.port, 1, 65535)
            return kit
        except OSError as error:
            raise DataError(f"{folder} holds no kit, as `pd4ml collaborate kits` makes them: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(one_line(f"{file} is no kit: {error!r}", 200)) from error

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The authority's certificate, the kit's own, and its key."""
        stem = "server" if self.name == SERVER else "client"
        return tuple(self.folder / name for name in ("rootCA.pem", f"{stem}.crt", f"{stem}.key"))  # type: ignore[return-value]


def make_kits(
    folder: Path, sites: Sequence[str], host: str = "127.0.0.1", port: int = 8002, signer: Signer | None = None
) -> list[Path]:
    """Make a kit for the server and one for each site, below ``folder``.

    The authority's key is forgotten: nobody can make another kit that these would let in.

    Parameters
    ----------
    folder : Path
        Where; nothing may be there but an empty folder.
    sites : Sequence[str]
        Names of the groups, in the order of their turns.
    host : str
        The server's name or address, as sites reach it.
    port : int
        The server's.
    signer : Signer, optional
        The coordinator's key, which lies elsewhere; a new one in the server's kit if not given.

    Returns
    -------
    list[Path]
        The server's kit, then the sites'.

    Raises
    ------
    DataError
        For names that are none.
    StoreError
        If something is there.
    """
    port = as_whole("port", port, 1, 65535)
    if len(set(sites)) < len(sites) or len(sites) < 2 or {SERVER, COORDINATOR} & {*sites}:
        raise DataError(f"kits are for two groups or more with names of their own, found {', '.join(sites)}")
    for name in sites:
        if not _NAME.fullmatch(name):
            raise DataError(
                f"a site's name has letters, digits, _ and -, and begins with a letter: found {name!r}"
            )
    names = (SERVER, *sites)
    with new_folder(folder) as begun:
        (begun / _MAKING).mkdir(mode=0o700)
        startup = _provision(begun / _MAKING, sites, host)
        for name in names:
            (begun / name).mkdir(mode=0o700)
            for file in sorted((startup / name / "startup").iterdir()):
                shutil.move(file, begun / name / file.name)
        shutil.rmtree(begun / _MAKING)
        if signer is None:
            (begun / SERVER / COORDINATOR).mkdir()
            signer = Signer(COORDINATOR, begun / SERVER / COORDINATOR / KEY)
        told = {"format": _FORMAT, "host": host, "port": port, "sites": list(sites), "coordinator": signer.public}
        for name in names:
            write_text(begun / name / _KIT, json.dumps({**told, "name": name}, indent=1) + "\n")
    return [folder / name for name in names]


def _provision(folder: Path, sites: Sequence[str], host: str) -> Path:
    """NVFlare's part: keys, and certificates of an authority that is made for this."""
    try:
        from nvflare.lighter.constants import CtxKey
        from nvflare.lighter.entity import Project
        from nvflare.lighter.impl.cert import CertBuilder
        from nvflare.lighter.impl.workspace import WorkspaceBuilder
        from nvflare.lighter.provisioner import Provisioner
    except ImportError as error:
        raise missing_extra("learning between machines", "network", error) from error

    project = Project("pd4ml", "pd4ml", props={"api_version": 3})
    try:
        project.set_server(SERVER, "pd4ml", {"fed_learn_port": 8002, "default_host": host})
        for name in sites:
            project.add_client(name, "pd4ml", {})
    except ValueError as error:
        raise DataError(one_line(f"NVFlare refuses these names: {error}", 200)) from error
    builders: list[Any] = [WorkspaceBuilder(), CertBuilder()]
    logger = logging.getLogger("nvflare.provision")
    with contextlib.redirect_stderr(io.StringIO()) as said:  # a traceback, where it prints what it should raise
        context = Provisioner(str(folder), builders).provision(project, logger=logger)
    if context.get(CtxKey.BUILD_ERROR):
        raise StoreError(one_line(f"no kits could be made: {said.getvalue().strip().rpartition(chr(10))[2]}", 300))
    return Path(context["current_prod_dir"])
