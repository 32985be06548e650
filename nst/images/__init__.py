"""Images from files and arrays to float32 sRGB and back. Free of TensorFlow."""

from nst.images.decode import Pixels
from nst.images.io import (
    Picture,
    cover,
    encode_png,
    fit,
    from_array,
    load,
    read_text,
    resize,
    to_pil,
)

__all__ = [
    "Picture",
    "Pixels",
    "cover",
    "encode_png",
    "fit",
    "from_array",
    "load",
    "read_text",
    "resize",
    "to_pil",
]
