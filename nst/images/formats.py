"""Which formats are read, what other files are called, and what decoders' errors mean."""

from __future__ import annotations

import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from nst.errors import InputError
from nst.images.picture import LONGEST_SIDE

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000")  # as Pillow says
READ = "jpg, png, webp, tiff, bmp, gif, avif, jp2, heic"  # as people say

_SUFFIXES = (
    *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif"),
    *("avif", "avifs", "jp2", "j2k", "jpx", "heic", "heif", "hif"),
)

# What Pillow's decoders raise on bytes that are not what they claim to be (found by mutation).
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)

_READABLE = {
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"\xff\xd8\xff": "JPEG",
    rb"GIF8[79]a": "GIF",
    rb"RIFF....WEBP": "WebP",
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": "TIFF",
    rb"BM": "BMP",
    rb"....ftypavi[fs]": "AVIF",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "JPEG 2000",
}
_HEIC = rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"
_OTHER = {
    rb"\xff\x0a|\0\0\0\x0cJXL ": "a JPEG XL image",
    rb"....ftypcrx |FUJIFILMCCD-RAW|IIU\0": "a camera's raw file",
    rb"....ftyp": "a video",
    rb"\x1aE\xdf\xa3|RIFF....AVI ": "a video",
    rb"8BPS": "a Photoshop document",
    rb"gimp xcf": "a GIMP document",
    rb"v/1\x01": "an OpenEXR image",
    rb"#\?RADIANCE|#\?RGBE": "a Radiance HDR image",
    rb"qoif": "a QOI image",
    rb"DDS ": "a DDS texture",
    rb"\0\0\x01\0": "an icon",
    rb"P[1-7]\s": "a PNM image",
    rb"%PDF-": "a PDF document",
    rb"%!PS": "a PostScript document",
    rb"PK\x03\x04": "a zip archive or an office document",
    rb"\x1f\x8b|BZh|\xfd7zXZ": "a compressed file",
    rb"version https://git-lfs": "a Git LFS pointer, not the file itself: run git lfs pull",
    rb"(?i:(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg)": (
        "an SVG drawing"
    ),
    rb"(?i:(\xef\xbb\xbf)?\s*<(!doctype html|html|head))": "a web page",
}
_START = 1024  # bytes that tell
_LOCK = threading.RLock()  # Pillow's limit and Python's warnings belong to all threads


def named_as_image(name: str) -> bool:
    """Tells from its ending whether a file is meant to be an image that is read here."""
    return name.lower().rpartition(".")[2] in _SUFFIXES


def is_heic(data: bytes) -> bool:
    """Tells HEIC, as iPhones save photographs, from all else."""
    return re.match(_HEIC, data[:_START], re.DOTALL) is not None


def unreadable(name: str | Path, data: bytes) -> InputError:
    """Says what a file is that no decoder took, by its first bytes."""
    for patterns, message in (
        (_READABLE, "{} is a damaged {} file or of a rare kind: save it again, or as PNG"),
        (_OTHER, f"{{}} is {{}}; formats read: {READ}"),
    ):
        for pattern, kind in patterns.items():
            if re.match(pattern, data[:_START], re.DOTALL):
                return InputError(message.format(name, kind))
    return InputError(f"{name} is not an image (formats read: {READ})")


@contextmanager
def explained(name: str | Path, data: bytes = b"") -> Iterator[None]:
    """Turns what decoders raise into one clear line, and their warnings into log lines.

    Args:
        name: Of the image.
        data: Of its file.
    """
    with _LOCK, warnings.catch_warnings(record=True) as noted:
        # It errs at twice its limit.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, LONGEST_SIDE**2 // 2
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
        try:
            yield
        except InputError:
            raise
        except (Image.DecompressionBombError, MemoryError) as error:
            raise InputError(f"{name} is too large: {error}") from error
        except UnidentifiedImageError as error:
            raise unreadable(name, data) from error
        except BROKEN as error:
            raise InputError(f"{name} is damaged or cut off: {error}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    for note in noted:
        log.warning("%s: %s", name, note.message)
