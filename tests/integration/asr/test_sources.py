"""Fetching over https: what could not be had is named, with the host and what to do instead."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from asr.errors import ModelUnavailable
from asr.sources import download
from tests.fakes.certificates import make_authority

pytestmark = pytest.mark.integration

CONTENT = b"weights" * 400_000


class Files(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the library's
        del format, args

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
        elif self.path in {"/short", "/model.onnx", "/csukuangfj/toy/resolve/main/model.onnx"}:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: 100_000 if self.path == "/short" else None])
        else:
            self.send_error(404)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    papers = make_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.certificate, papers.key)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(papers.authority))
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)


def fetched(url: str) -> bytes:
    return b"".join(download(url))


def test_a_file_comes_whole(host: str) -> None:
    assert fetched(f"{host}/model.onnx") == CONTENT


def test_a_mirror_of_hugging_face_is_used(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{host}/")
    assert fetched("https://huggingface.co/csukuangfj/toy/resolve/main/model.onnx") == CONTENT


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nothing", "localhost answers 404"),
        ("/short", r"only 100000 of 2800000 bytes came"),
        ("/away", "redirected to an address that is not https"),
    ],
)
def test_what_could_not_be_had_is_named(host: str, path: str, said: str) -> None:
    with pytest.raises(ModelUnavailable, match=said) as caught:
        fetched(host + path)
    assert "--from FOLDER" in str(caught.value)


def test_a_host_that_is_away_is_named(host: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"localhost cannot be reached \(Connection refused\)"):
        fetched("https://localhost:1/model.onnx")


def test_a_host_that_nobody_vouches_for_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ModelUnavailable, match="certificate"):
        fetched(f"{host}/model.onnx")


def test_plain_http_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    with pytest.raises(ModelUnavailable, match="only https"):
        fetched("https://huggingface.co/x")
