"""Files from the web: fetched once, whole and checked; without a route it fails within seconds."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nst.errors import InputError
from nst.files.atomic import replacing
from nst.files.download import Refused, connect, copy, reason, refuse_web_page

log = logging.getLogger(__name__)

MOST_IMAGE_BYTES = 200_000_000
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
    """Fetches a file unless it exists already.

    Any number of processes may do so at once: each writes a file of its own and renames it.

    Args:
        url: http or https.
        target: Path of the file; missing folders are made.
        digest: Of the file: 64 (sha256) or 32 (md5) hexadecimal digits, after "sha256:" or "md5:"
            if you like. An existing file with another digest is fetched again.
        timeout: Seconds from the start until the server answers, and of silence afterwards.
        limit: Bytes accepted at most.

    Returns:
        ``target``, which now exists and has that digest.

    Raises:
        FetchError: No such address, no route, no such file, cut off, too large, or another
            digest; nothing is left behind.
        InputError: ``digest`` is not a digest.
    """
    expected = _parse_digest(digest)
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Refused("only http:// and https:// addresses can be")
        if target.is_file() and _holds(target, expected):
            return target
        log.info("fetching %s", url)
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, target, expected, timeout, limit)
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"cannot fetch {url}: {reason(error, timeout)}") from error
    return target


def fetch_image(url: str) -> Path:
    """Fetches an image into the cache, ``$NST_CACHE/images`` or else ``~/.cache/nst/images``.

    Args:
        url: http or https.

    Returns:
        The cached file, named by the URL's hash and suffix.

    Raises:
        FetchError: As in ``fetch``; also an answer of more than 200 MB.
    """
    return fetch(url, _cached(url), limit=MOST_IMAGE_BYTES)


def fetched_image(url: str) -> Path | None:
    """Returns the cached file of an image that was fetched before; nobody is contacted."""
    target = _cached(url)
    return target if target.is_file() else None


def _cached(url: str) -> Path:
    suffix = re.search(r"\.[A-Za-z0-9]{1,5}$", re.split("[?#]", url)[0])
    name = hashlib.sha256(url.encode()).hexdigest()[:32] + (suffix[0].lower() if suffix else "")
    return _cache_folder(name) / name


def _download(
    url: str, target: Path, expected: tuple[str, str], timeout: float, limit: int | None
) -> None:
    kind, digits = expected
    with connect(url, timeout) as response, replacing(target) as file:
        refuse_web_page(response)
        hasher = _hasher(kind)
        copy(response, file, hasher, limit)
        if digits not in ("", hasher.hexdigest()):
            raise Refused(
                f"its {kind} is {hasher.hexdigest()}, not {digits}; the file has changed or "
                "was altered on its way, so check the address and the digest"
            )


def _parse_digest(digest: str | None) -> tuple[str, str]:
    """Returns kind and hexadecimal digits; digits "" accept any file."""
    if digest is None:
        return "sha256", ""
    kind, _, digits = digest.strip().lower().rpartition(":")
    known = _DIGESTS.get(len(digits))
    if known is None or kind not in ("", known) or re.fullmatch("[0-9a-f]+", digits) is None:
        raise InputError(
            f"{digest!r} is not a digest: sha256 has 64 and md5 has 32 hexadecimal digits"
        )
    return known, digits


def _holds(path: Path, expected: tuple[str, str]) -> bool:
    kind, digits = expected
    if not digits:
        return True
    with path.open("rb") as file:
        if hashlib.file_digest(file, lambda: _hasher(kind)).hexdigest() == digits:
            return True
    log.warning("%s does not have the expected %s and is fetched again", path, kind)
    return False


def _hasher(kind: str) -> Any:
    return hashlib.new(kind, usedforsecurity=False)  # md5 even where policy forbids it


def _cache_folder(name: str) -> Path:
    """Returns the folder that holds the file already or can take it."""
    chosen = Path(os.environ.get("NST_CACHE") or "~/.cache/nst") / "images"
    try:
        chosen = chosen.expanduser()
        if (chosen / name).is_file():
            return chosen
        chosen.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=chosen).close()
        return chosen
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        # One per user: files that others left in a shared folder are not ours to trust or replace.
        spare = Path(tempfile.gettempdir()) / f"nst-images-{getattr(os, 'getuid', int)()}"
        log.warning("cannot write into %s (%s): images are cached in %s", chosen, error, spare)
        return spare
