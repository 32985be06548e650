"""Images from files and arrays to float32 sRGB and back. Free of TensorFlow."""

from nst.images.arrays import from_array, to_pil
from nst.images.io import from_memory, load
from nst.images.picture import Picture, Pixels, is_grey, visible, visible_box
from nst.images.profiles import reachable
from nst.images.regions import Regions, read_regions
from nst.images.resampling import cover, fit, resize, resize_weights
from nst.images.saving import encode, encode_png, read_text

__all__ = [
    "Picture",
    "Pixels",
    "Regions",
    "cover",
    "encode",
    "encode_png",
    "fit",
    "from_array",
    "from_memory",
    "is_grey",
    "load",
    "reachable",
    "read_regions",
    "read_text",
    "resize",
    "resize_weights",
    "to_pil",
    "visible",
    "visible_box",
]
