"""Downloads from a real server on this machine: each ends well or in one clear line."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from nst.errors import InputError
from nst.files.fetch import FetchError, fetch, fetch_image, fetched_image

BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
ROOT = Path(__file__).parent.parent


class Handler(BaseHTTPRequestHandler):
    """Answers well or badly, as the path says."""

    protocol_version = "HTTP/1.1"
    hits: ClassVar[Counter[str]] = Counter()
    end = threading.Event()

    def do_GET(self) -> None:
        """Answer one request."""
        self.hits[self.path] += 1
        self.close_connection = True
        getattr(self, "answer_" + self.path.strip("/").split(".")[0])()

    def start(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def answer_good(self) -> None:
        self.start(Content_Length=str(len(BODY)))
        self.wfile.write(BODY)

    def answer_endless(self) -> None:  # no length: it ends where the connection ends
        self.start()
        self.wfile.write(BODY)

    def answer_cut(self) -> None:
        self.start(Content_Length=str(len(BODY)))
        self.wfile.write(BODY[:100_000])

    def answer_chunkedcut(self) -> None:
        self.start(Transfer_Encoding="chunked")
        self.wfile.write(b"ffff\r\n" + BODY[:1000])

    def answer_stalled(self) -> None:
        self.answer_cut()
        self.wfile.flush()
        self.end.wait(20)

    def answer_mute(self) -> None:
        self.end.wait(20)

    def answer_hangup(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer_moved(self) -> None:
        self.start(302, Location="/good.jpg", Content_Length="0")

    def answer_tofile(self) -> None:
        self.start(302, Location="file:///etc/hostname", Content_Length="0")

    def answer_page(self) -> None:
        self.start(Content_Type="text/html; charset=utf-8", Content_Length=str(len(BODY)))
        self.wfile.write(BODY)

    def answer_gone(self) -> None:
        self.start(404, Content_Length="0")

    def answer_toomuch(self) -> None:
        self.start(Content_Length="200000001")
        self.wfile.write(bytes(1000))

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of the server, without a slash at its end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        Handler.end.set()
        http.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is here, whatever the machine's way to the web is."""
    monkeypatch.setenv("no_proxy", "*")
    Handler.hits.clear()


def fails(url: str, folder: Path, *says: str, **options: object) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(url, folder / "weights.h5", **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert isinstance(caught.value, InputError)
    assert "\n" not in message
    for part in (url, *says):
        assert part in message
    assert not folder.exists() or os.listdir(folder) == []


# --- what ends well -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digest", [None, SHA256, MD5, f"sha256:{SHA256.upper()}", f"md5:{MD5}", f" {SHA256}\n"]
)
def test_good_file_is_fetched_once(server: str, tmp_path: Path, digest: str | None) -> None:
    target = tmp_path / "deep" / "folder" / "weights.h5"
    for _ in range(2):
        assert fetch(f"{server}/good", target, digest=digest) == target
    assert target.read_bytes() == BODY
    assert Handler.hits == {"/good": 1}
    assert os.listdir(target.parent) == ["weights.h5"]


@pytest.mark.parametrize("path", ["endless", "moved"])
def test_other_ways_of_answering(server: str, tmp_path: Path, path: str) -> None:
    assert fetch(f"{server}/{path}", tmp_path / "a", digest=SHA256).read_bytes() == BODY


def test_cached_file_with_the_wrong_digest_is_fetched_again(
    server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").write_bytes(b"half")
    assert fetch(f"{server}/good", tmp_path / "a", digest=MD5).read_bytes() == BODY
    assert "fetched again" in caplog.text


def test_cached_file_needs_no_route(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BODY)
    assert fetch("https://host.invalid/a", tmp_path / "a", digest=SHA256) == tmp_path / "a"


def test_several_processes_at_once(server: str, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, nst.files.fetch as f\n"
        "f.fetch(sys.argv[1], pathlib.Path(sys.argv[2]), digest=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, f"{server}/good", str(tmp_path / "a"), SHA256]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=30) for process in processes] == [0, 0, 0]
    assert (tmp_path / "a").read_bytes() == BODY
    assert os.listdir(tmp_path) == ["a"]


def test_threads_at_once(server: str, tmp_path: Path) -> None:
    """All of them inside at the same time, as a sweep's are."""
    together = threading.Barrier(4)
    found: list[bytes] = []

    def work() -> None:
        together.wait()
        found.append(fetch(f"{server}/good", tmp_path / "a", digest=SHA256).read_bytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BODY] * 4
    assert os.listdir(tmp_path) == ["a"]


# --- what ends in one clear line, and leaves nothing behind ---------------------------------


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("gone", "404"),
        ("cut", "cut off after 100000 of 300000 bytes"),
        ("chunkedcut", "cut off"),
        ("hangup", "try again"),
        ("page", "web page"),
        ("tofile", "check the address"),
    ],
)
def test_bad_answers(server: str, tmp_path: Path, path: str, says: str) -> None:
    fails(f"{server}/{path}", tmp_path, says)


@pytest.mark.parametrize("digest", ["0" * 64, "md5:" + "0" * 32])
def test_wrong_digest(server: str, tmp_path: Path, digest: str) -> None:
    found = SHA256 if len(digest) == 64 else MD5
    fails(f"{server}/good", tmp_path, found, "0" * 32, "check", digest=digest)


def test_failed_second_fetch_keeps_what_was_there(server: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(FetchError):
        fetch(f"{server}/cut", tmp_path / "a", digest=SHA256)
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("path", ["mute", "stalled"])
def test_silence(server: str, tmp_path: Path, path: str) -> None:
    start = time.monotonic()
    fails(f"{server}/{path}", tmp_path, "no answer within 0.3 s", timeout=0.3)
    assert time.monotonic() - start < 3


def test_closed_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    start = time.monotonic()
    fails(f"http://127.0.0.1:{port}/a", tmp_path, "refused", "local file")
    assert time.monotonic() - start < 3


def test_name_of_no_server(tmp_path: Path) -> None:
    """`.invalid` never exists (RFC 2606); a resolver without a route may be slow to say so."""
    start = time.monotonic()
    fails("https://host.invalid/a", tmp_path, "local file", timeout=2.0)
    assert time.monotonic() - start < 4


def test_slow_resolver_does_not_hold_up_the_decision_or_the_exit(tmp_path: Path) -> None:
    """The resolver knows no time-out of its own, so its answer is delayed here."""
    code = (
        "import socket, sys, time, pathlib, nst.files.fetch as f\n"
        "socket.getaddrinfo = lambda *a, **k: time.sleep(30)\n"
        "f.fetch('http://host.invalid/a', pathlib.Path(sys.argv[1]), timeout=0.3)"
    )
    start = time.monotonic()
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert "no answer within 0.3 s" in ended.stderr.splitlines()[-1]
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/a", "photo.jpg", ""])
def test_other_schemes(tmp_path: Path, url: str) -> None:
    fails(url, tmp_path, "http://")


@pytest.mark.parametrize("url", ["http://", "http://[bad/a", "http://host:port/a", "http://h\n/a"])
def test_addresses_that_are_none(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    with pytest.raises(FetchError) as caught:
        fetch(url, tmp_path / "a", timeout=2.0)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(FetchError):
        fetch_image(url)


@pytest.mark.parametrize("digest", ["abc", "g" * 64, "md5:" + SHA256, "sha1:" + "0" * 40, ""])
def test_digests_that_are_none(tmp_path: Path, digest: str) -> None:
    with pytest.raises(InputError, match="hexadecimal"):
        fetch("http://host.invalid/a", tmp_path / "a", digest=digest)


def test_target_that_cannot_be_written(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"file'?: (Not a directory|File exists)"):
        fetch(f"{server}/good", tmp_path / "file" / "a")


# --- images ---------------------------------------------------------------------------------


def test_image_cache(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    assert fetched_image(f"{server}/good.JPG?size=1") is None
    path = fetch_image(f"{server}/good.JPG?size=1")
    assert fetched_image(f"{server}/good.JPG?size=1") == path
    assert path.parent == tmp_path / "images"
    assert path.suffix == ".jpg"
    assert path.read_bytes() == BODY
    other = fetch_image(f"{server}/good")
    assert other != path
    assert other.suffix == ""
    assert fetch_image(f"{server}/good.JPG?size=1") == path
    assert sum(Handler.hits.values()) == 2


def test_image_cache_at_home(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch_image(f"{server}/good.png").parent == tmp_path / ".cache" / "nst" / "images"


def test_image_cache_that_cannot_be_written(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NST_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spare"))
    path = fetch_image(f"{server}/good.png")
    assert path.is_relative_to(tmp_path / "spare")
    assert path.read_bytes() == BODY
    assert str(tmp_path / "file") in caplog.text


def test_image_that_would_fill_the_disk(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    with pytest.raises(FetchError, match="more than 200 MB"):
        fetch_image(f"{server}/toomuch.jpg")
    with pytest.raises(FetchError, match=r"more than 0\.1 MB"):
        fetch(f"{server}/endless", tmp_path / "a", limit=100_000)
    assert os.listdir(tmp_path) == ["images"]
    assert os.listdir(tmp_path / "images") == []


def test_unicode_and_spaces_in_the_address(server: str, tmp_path: Path) -> None:
    assert fetch(f"{server}/good.größe und mehr.jpg", tmp_path / "a").read_bytes() == BODY
