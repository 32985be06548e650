"""The images and weights that a configuration names. Free of TensorFlow."""

from nst.sources.guidance import Guidance, read_guidance
from nst.sources.inputs import Inputs, gather
from nst.sources.loading import PictureError, numbered
from nst.sources.locations import WEB, locate_image
from nst.sources.recorded import planned, resolved
from nst.sources.styles import StyleSource

__all__ = [
    "WEB",
    "Guidance",
    "Inputs",
    "PictureError",
    "StyleSource",
    "gather",
    "locate_image",
    "numbered",
    "planned",
    "read_guidance",
    "resolved",
]
