"""PNG files that carry text."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from nst.errors import InputError
from nst.files.atomic import read
from nst.images.formats import explained
from nst.images.io import MOST_BYTES, to_pil
from nst.images.picture import Pixels


def encode_png(
    rgb: Pixels, alpha: Pixels | None = None, text: Mapping[str, str] | None = None
) -> bytes:
    """Encode as PNG with 8 bits a channel; the same input gives the same bytes.

    Args:
        rgb: As in `to_pil`.
        alpha: As in `to_pil`.
        text: Kept in iTXt chunks (UTF-8, compressed); keys of 1 to 79 Latin-1 characters.

    Returns:
        The file's bytes.

    Raises:
        ValueError: As in `to_pil`.
    """
    chunks = PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value, zip=True)
    file = io.BytesIO()
    to_pil(rgb, alpha).save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def read_text(path: str | Path) -> dict[str, str]:
    """Read back what `encode_png` was given as `text`.

    Args:
        path: A PNG file.

    Returns:
        Every text chunk of the file by its key.

    Raises:
        InputError: The file cannot be read, is not a PNG, or holds no text.
    """
    path = Path(os.path.expanduser(path))
    data = read(path, MOST_BYTES)
    if not data.startswith(b"\x89PNG"):
        raise InputError(f"{path} is not a PNG: only a result.png of a run carries its config")
    with explained(path, data):
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        assert isinstance(image, PngImageFile)
        text = {key: str(value) for key, value in image.text.items()}
    if not text:
        raise InputError(f"{path} holds no text: only a result.png of a run carries its config")
    return text
