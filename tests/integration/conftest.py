"""A private PostgreSQL cluster, and a database of work orders on each kind."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hotline.store.engine import make_engine
from workorders.tables import metadata

_names = count(1)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a fresh cluster's maintenance database, on a Unix socket only; removed at the end."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's binaries are not installed")
    me = pwd.getpwuid(os.getuid()).pw_name
    if me not in ("root", "postgres"):
        pytest.skip("a private PostgreSQL cluster needs root or postgres")
    become: dict[str, Any] = (
        {"user": "postgres", "group": "postgres", "extra_groups": ()} if me == "root" else {}
    )
    # Not pytest's tmp_path: its parents are closed to the user postgres.
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    port = _free_port()
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(binaries / program), *arguments],
            check=True,
            capture_output=True,
            env=environment,
            cwd="/",
            timeout=50,
            **become,
        )

    try:
        shutil.chown(folder, "postgres", "postgres")
        data = str(folder / "data")
        run("initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -p {port} -c listen_addresses='' -c fsync=off -c max_connections=60"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}&port={port}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty database of this test's own."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{next(_names)}"
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_server.replace("/postgres?", f"/{name}?", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty database with the tables of work orders, of each kind in turn."""
    url = (
        f"sqlite:///{tmp_path}/orders.sqlite3"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    made = make_engine(url)
    metadata.create_all(made)
    yield made
    made.dispose()
