"""One answer from a web server: asked for with a deadline, copied, and explained when it fails."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from contextlib import AbstractContextManager
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

_CHUNK = 1 << 16


class Refused(ValueError):
    """The answer is not what was asked for; the message says why."""


def connect(url: str, timeout: float) -> AbstractContextManager[HTTPResponse]:
    """Ask for a URL and wait for the first byte of the answer.

    Args:
        url: http or https.
        timeout: Seconds until the answer starts, and of silence afterwards.

    Raises:
        OSError: No route, no answer in time, or an answer that is an error.
        HTTPException: An answer that is not HTTP.
    """
    # In a thread: the resolver has no time-out, and a name with several addresses has one for
    # each. A daemon, so that a resolver still waiting does not hold up the exit.
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


def refuse_web_page(response: HTTPResponse) -> None:
    """Raises Refused for HTML: a sign-in page, or the page around a picture."""
    if response.headers.get_content_type() == "text/html":
        raise Refused(
            "it answers with a web page, not a file; give the address of the file itself, "
            "or sign in to the network first"
        )


def copy(response: HTTPResponse, file: BinaryIO, hasher: Any, limit: int | None) -> None:
    """Writes all of an answer.

    Args:
        response: The answer.
        file: Written to.
        hasher: Updated with the same bytes.
        limit: Bytes accepted at most.

    Raises:
        Refused: It is too large or cut off.
    """
    received, announced = 0, response.length  # None for a chunked answer, which marks its own end
    _check_limit(announced or 0, limit)
    while chunk := response.read(_CHUNK):
        received += len(chunk)
        _check_limit(received, limit)
        hasher.update(chunk)
        file.write(chunk)
    if announced is not None and received < announced:
        raise Refused(f"cut off after {received} of {announced} bytes; try again")


def _check_limit(received: int, limit: int | None) -> None:
    if limit is not None and received > limit:
        raise Refused(f"it has more than {limit / 1e6:g} MB; check the address")


def reason(error: Exception, timeout: float) -> str:
    """Says what happened and what to do, for people."""
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
