"""Files from the web: once, whole, checked, and given up in seconds where there is no route."""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import re
import socket
import ssl
import tempfile
import threading
from contextlib import AbstractContextManager
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from nst.errors import InputError
from nst.files.atomic import replacing

logger = logging.getLogger(__name__)

MOST_IMAGE_BYTES = 200_000_000
_CHUNK = 1 << 16
_DIGESTS = {64: "sha256", 32: "md5"}  # by their number of hexadecimal digits


class FetchError(InputError):
    """A URL could not be fetched; the message says which, why, and what to do."""


def fetch(
    url: str,
    target: Path,
    *,
    digest: str | None = None,
    timeout: float = 10.0,
    limit: int | None = None,
) -> Path:
    """Fetch a file unless it is there already.

    Any number of processes may do so at once: each writes a file of its own and renames it.

    Args:
        url: http or https.
        target: Where the file is to be; missing folders are made.
        digest: What it must hash to: 64 (sha256) or 32 (md5) hexadecimal digits, "sha256:" or
            "md5:" in front of them if liked. A file that is there and does not is fetched again.
        timeout: Seconds from the start until the server answers, and of silence afterwards.
        limit: Bytes that are accepted at most.

    Returns:
        `target`, which now exists and has that digest.

    Raises:
        FetchError: No such address, no route, no such file, cut off, too large, or another digest
            than wanted; nothing has been left behind.
        InputError: A digest that cannot be one.
    """
    expected = _parse_digest(digest)
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise _Refused("only http:// and https:// addresses can be")
        if target.is_file() and _holds(target, expected):
            return target
        logger.info("fetching %s", url)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _connect(url, timeout) as response, replacing(target) as file:
            _refuse_web_page(response)
            found = _copy(response, file, expected[0], limit)
            if expected[1] not in ("", found):
                raise _Refused(
                    f"its {expected[0]} is {found}, not {expected[1]}; the file has changed or "
                    "was altered on its way, so check the address and the digest"
                )
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"cannot fetch {url}: {_reason(error, timeout)}") from error
    return target


def fetch_image(url: str, digest: str | None = None, *, timeout: float = 10.0) -> Path:
    """Fetch an image into the cache, `$NST_CACHE/images` or else `~/.cache/nst/images`.

    Args:
        url: http or https.
        digest: As in `fetch`.
        timeout: As in `fetch`.

    Returns:
        The cached file; its name is made of the URL's hash and suffix.

    Raises:
        FetchError: As in `fetch`; also an answer of over 200 MB.
        InputError: As in `fetch`.
    """
    suffix = re.search(r"\.[A-Za-z0-9]{1,5}$", re.split("[?#]", url)[0])
    name = hashlib.sha256(url.encode()).hexdigest()[:32] + (suffix[0].lower() if suffix else "")
    target = _cache_folder(name) / name
    return fetch(url, target, digest=digest, timeout=timeout, limit=MOST_IMAGE_BYTES)


class _Refused(ValueError):
    """What came is not what was asked for."""


def _parse_digest(digest: str | None) -> tuple[str, str]:
    """Kind and hexadecimal digits; digits "" stand for whatever comes."""
    if digest is None:
        return "sha256", ""
    kind, _, digits = digest.strip().lower().rpartition(":")
    known = _DIGESTS.get(len(digits))
    if known is None or kind not in ("", known) or re.fullmatch("[0-9a-f]+", digits) is None:
        raise InputError(
            f"digest {digest!r} is none: sha256 has 64 and md5 has 32 hexadecimal digits"
        )
    return known, digits


def _holds(path: Path, expected: tuple[str, str]) -> bool:
    kind, digits = expected
    if not digits:
        return True
    with path.open("rb") as file:
        if hashlib.file_digest(file, lambda: _hasher(kind)).hexdigest() == digits:
            return True
    logger.warning("%s does not have the %s wanted: it is fetched again", path, kind)
    return False


def _hasher(kind: str) -> Any:
    return hashlib.new(kind, usedforsecurity=False)  # md5 even where policy forbids it


def _connect(url: str, timeout: float) -> AbstractContextManager[HTTPResponse]:
    """Get as far as the server's answer within `timeout`.

    In a thread, for the resolver knows no time-out, and a name with several addresses has one
    for each. A daemon, so that a resolver still waiting does not hold up the exit.
    """
    request = Request(
        quote(url, safe="%/:=&?~#+!$,;'@()*[]"),
        headers={"User-Agent": "nst (neural style transfer; Python urllib)"},
    )
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urlopen(request, timeout=timeout))
        except Exception as error:  # whatever it is, it belongs to the thread that waits
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _refuse_web_page(response: HTTPResponse) -> None:
    if response.headers.get_content_type() == "text/html":
        raise _Refused(
            "it answers with a web page, not a file; give the address of the file itself, "
            "or sign in to the network first"
        )


def _copy(response: HTTPResponse, file: BinaryIO, kind: str, limit: int | None) -> str:
    """Write all that comes, and return its digest."""
    hasher, received = _hasher(kind), 0
    announced = response.length  # None for a chunked answer, which carries its own end
    if limit is not None and (announced or 0) > limit:
        raise _Refused(f"it has more than {limit / 1e6:g} MB; check the address")
    while chunk := response.read(_CHUNK):
        received += len(chunk)
        if limit is not None and received > limit:
            raise _Refused(f"it has more than {limit / 1e6:g} MB; check the address")
        hasher.update(chunk)
        file.write(chunk)
    if announced is not None and received < announced:
        raise _Refused(f"cut off after {received} of {announced} bytes; try again")
    return str(hasher.hexdigest())


def _reason(error: Exception, timeout: float) -> str:
    """What happened and what to do, for people."""
    cause: object = error
    if isinstance(error, URLError) and not isinstance(error, HTTPError):
        cause = error.reason
    otherwise = "check the connection, or give a local file"
    match cause:
        case HTTPError():
            return f"the server answers {cause.code} {cause.reason}; check the address"
        case TimeoutError():
            return f"no answer within {timeout:g} s; {otherwise}"
        case socket.gaierror():
            return f"no such server is known here; {otherwise}"
        case ssl.SSLError():
            return f"no secure connection ({cause.reason}); check the clock and the certificates"
        case InvalidURL():
            return f"{cause}; check the address"
        case HTTPException():
            return f"cut off or garbled ({cause!r}); try again"
        case OSError(filename=str() as name):  # the disk, not the web
            return f"{name}: {cause.strerror}"
        case OSError():
            return f"{cause.strerror or cause}; {otherwise}"
    return str(cause)


def _cache_folder(name: str) -> Path:
    """The folder that holds the file already or can take it."""
    chosen = Path(os.environ.get("NST_CACHE") or "~/.cache/nst") / "images"
    try:
        chosen = chosen.expanduser()
        if (chosen / name).is_file():
            return chosen
        chosen.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=chosen).close()
        return chosen
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        # One for each user: what another left in a shared folder is not ours to trust or replace.
        spare = Path(tempfile.gettempdir()) / f"nst-images-{getattr(os, 'getuid', int)()}"
        logger.warning("cannot write into %s (%s): images are kept in %s", chosen, error, spare)
        return spare
