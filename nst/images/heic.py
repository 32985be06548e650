"""HEIC, as iPhones save photographs: through the optional extra ``heic``."""

from __future__ import annotations

import io

from PIL import Image

from nst.errors import InputError
from nst.images.picture import check_size


def open_heic(data: bytes, name: str) -> Image.Image:
    """Decodes the main image of a HEIC file, upright.

    Args:
        data: The file.
        name: Of the image, for messages.

    Raises:
        InputError: The extra is not installed, or the image is too large.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(
            f"{name} is a HEIC file: to read it, pip install 'nst[heic]' "
            "(or pip install pillow-heif), or save it as JPEG"
        ) from error
    # Not register_heif_opener, which would change what Pillow opens in the caller's program.
    heif = pillow_heif.open_heif(io.BytesIO(data))
    check_size(heif.size, name)
    image: Image.Image = heif.to_pillow()
    return image
