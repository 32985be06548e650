"""TIFFs that Pillow cannot read: float RGB, CMYK or deep grey with alpha, and the like.

A pixel's samples are stored side by side, so that W pixels of n bytes have the layout of n·W grey
pixels. The header is rewritten to say so, and Pillow decompresses the rest as usual.
Sources: TIFF 6.0, sections 8, 14 and 18; Adobe's Photoshop TIFF Technical Note 3 (predictor 3).
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from nst.errors import InputError
from nst.images.decode import unit_scale
from nst.images.formats import unreadable
from nst.images.picture import SHORTEST_SIDE, Pixels, check_size
from nst.images.profiles import grey_to_rgb, srgb, through_profile

MOST_SAMPLES = 75_000_000  # 25 million px of RGB; the file and its copy are in memory at once

_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # samples by photometric interpretation
_DTYPES = {(8, 1): "u1", (16, 1): "u2", (16, 3): "f2", (32, 3): "f4"}  # by bits and format
_LAYOUT = (Tag.ImageLength, Tag.Compression, Tag.StripOffsets, Tag.StripByteCounts)
_TILES = (Tag.TileLength, Tag.TileOffsets, Tag.TileByteCounts, Tag.RowsPerStrip)
_FLOATS, _DIFFERENCES = 3, 2  # predictors


def misread(data: bytes, image: Image.Image) -> bool:
    """Tells a TIFF whose floats Pillow (13 at least) swaps twice: big-endian and compressed."""
    return image.format == "TIFF" and image.mode == "F" and data[:2] == b"MM"


def is_tiff(data: bytes) -> bool:
    """Tells a TIFF of less than 4 GB by its first bytes."""
    return data[:4] in (b"II*\0", b"MM\0*")


def decode(data: bytes, name: str, shortest: int = SHORTEST_SIDE) -> tuple[Pixels, Pixels | None]:
    """Decodes a TIFF's first image.

    Args:
        data: The file.
        name: Of the image, for messages.
        shortest: Side that is accepted, px.

    Returns:
        Colour and opacity, as from ``nst.images.decode.to_srgb``.

    Raises:
        InputError: Its kind is not read either.
    """
    tags = _tags(data)
    photometric = _one(tags, Tag.PhotometricInterpretation, 1)
    bits, count = tags.get(Tag.BitsPerSample, (1,)), _one(tags, Tag.SamplesPerPixel, 1)
    dtype = _DTYPES.get((bits[0], tags.get(Tag.SampleFormat, (1,))[0]))
    colours = _COLOURS.get(photometric, count + 1)
    if dtype is None or len(set(bits)) > 1 or not colours <= count <= 8:
        raise unreadable(name, data)
    if _one(tags, Tag.PlanarConfiguration, 1) != 1:
        raise InputError(f"{name} is a TIFF in separate planes: save it interleaved, or as PNG")
    size = _one(tags, Tag.ImageWidth, 0), _one(tags, Tag.ImageLength, 0)
    check_size(size, name, MOST_SAMPLES // count, shortest)
    samples = _samples(data, tags, dtype, count, name)
    full = None if dtype.startswith("f") else float(np.iinfo(dtype).max)
    extra = (*tags.get(Tag.ExtraSamples, ()), 0)[0] if count > colours else 0
    values, alpha = samples[..., :colours], None
    if extra:  # 1: premultiplied, 2: not; 0 is no alpha
        alpha = unit_scale(samples[..., colours], full, name)
    values = unit_scale(values, full, name)
    if extra == 1 and alpha is not None:
        values = np.clip(values / np.maximum(alpha, 1e-6)[..., None], 0.0, 1.0)
    colour = _colour(values, photometric, tags.get(Tag.InterColorProfile), name)
    turn = _one(tags, Tag.Orientation, 1)
    return _upright(colour, turn), None if alpha is None else _upright(alpha, turn)


def _colour(values: Pixels, photometric: int, profile: bytes | None, name: str) -> Pixels:
    if values.shape[2] == 1:
        grey = values[..., 0]
        return grey_to_rgb(1.0 - grey if photometric == 0 else grey, profile, name)
    if values.shape[2] == 3 and profile in (None, b"", srgb()):
        return values
    mode = "CMYK" if values.shape[2] == 4 else "RGB"  # the colour engine takes 8 bits only
    eight = np.rint(values * 255).astype(np.uint8)
    height, width = eight.shape[:2]
    image = Image.frombytes(mode, (width, height), eight.tobytes())
    return np.asarray(through_profile(image, profile, name), np.float32) / np.float32(255)


def _upright(values: Pixels, orientation: int) -> Pixels:
    if 5 <= orientation <= 8:
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values[::-1] if orientation in (3, 4, 7, 8) else values


def _tags(data: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _one(tags: Any, tag: int, default: int) -> int:
    value = tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _samples(data: bytes, tags: Any, dtype: str, count: int, name: str) -> npt.NDArray[Any]:
    """Decompress to ``[H, W, count]``."""
    predictor = _one(tags, Tag.Predictor, 1)
    if predictor != 1 and Tag.TileOffsets in tags:
        raise InputError(f"{name} is a TIFF of predicted tiles: save it uncompressed, or as PNG")
    itemsize = np.dtype(dtype).itemsize
    with Image.open(io.BytesIO(_as_grey(data, tags, count * itemsize)), formats=["TIFF"]) as image:
        rows = np.asarray(image)
    order = ">" if data[:1] == b"M" else "<"
    if predictor == _FLOATS:
        rows, order = _joined(_summed(rows, count), itemsize), ">"
    words = rows.view(f"{order}u{itemsize}").astype(f"u{itemsize}")
    if predictor == _DIFFERENCES:
        words = _summed(words, count)
    return words.view(dtype).reshape(len(rows), -1, count)


def _summed(rows: npt.NDArray[Any], stride: int) -> npt.NDArray[Any]:
    """Undoes differences between neighbours of the same sample, modulo the type's range."""
    apart = rows.reshape(rows.shape[0], -1, stride)
    return np.cumsum(apart, axis=1, dtype=rows.dtype).reshape(rows.shape)


def _joined(rows: npt.NDArray[np.uint8], itemsize: int) -> npt.NDArray[np.uint8]:
    """Puts the bytes of each number together: predictor 3 stores all first bytes of a row first."""
    planes = rows.reshape(len(rows), itemsize, -1)
    return np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(rows.shape)


def _as_grey(data: bytes, tags: Any, count: int) -> bytes:
    """Append a directory by which every one of a pixel's ``count`` bytes is a grey pixel."""
    grey: dict[int, Any] = {tag: tags[tag] for tag in (*_LAYOUT, *_TILES) if tag in tags}
    grey |= {Tag.ImageWidth: count * _one(tags, Tag.ImageWidth, 0), Tag.SamplesPerPixel: 1}
    grey |= {Tag.BitsPerSample: 8, Tag.PhotometricInterpretation: 1}
    if Tag.TileWidth in tags:
        grey[Tag.TileWidth] = count * _one(tags, Tag.TileWidth, 0)
    order, start = (">" if data[:1] == b"M" else "<"), len(data)
    entries, values = struct.pack(f"{order}H", len(grey)), b""
    after = start + 2 + 12 * len(grey) + 4
    for tag, value in sorted(grey.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(numbers)}L", *numbers)
        if len(numbers) > 1:
            values, packed = values + packed, struct.pack(f"{order}L", after + len(values))
        entries += struct.pack(f"{order}HHL", tag, 4, len(numbers)) + packed
    header = data[:4] + struct.pack(f"{order}L", start)
    return b"".join((header, memoryview(data)[8:], entries, bytes(4), values))
