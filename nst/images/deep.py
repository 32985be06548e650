"""PNG and TIFF of 16 bits a channel, which Pillow writes for grey only.

Both store the difference to the pixel on the left, by bytes in PNG and by samples in TIFF.
Sources: PNG (third edition), sections 5, 9.2 and 11; TIFF 6.0, sections 8 and 14.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nst.images.picture import Pixels
from nst.images.strips import ROWS, strips

_DEFLATE, _DIFFERENCES, _INTERLEAVED, _RGB, _UNPREMULTIPLIED = 8, 2, 1, 2, 2  # of TIFF
_BYTE_ORDER = b"II"  # the lowest first


def png(values: Pixels, text: PngInfo, profile: bytes) -> bytes:
    """Encodes ``[H, W, 3 or 4]`` as PNG.

    Args:
        values: RGB or RGBA; values outside [0, 1] are clipped.
        text: Text chunks.
        profile: ICC.
    """
    height, width, channels = values.shape
    header = struct.pack(">2I5B", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    deflate = zlib.compressobj()
    chunks = [(b"IHDR", header), (b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))]
    chunks += [(name, data) for name, data, *_ in text.chunks]
    chunks += [(b"IDAT", deflate.compress(_filtered(rows))) for rows in _rounded(values)]
    chunks += [(b"IDAT", deflate.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def tiff(values: Pixels, tags: Mapping[int, str], profile: bytes) -> bytes:
    """Encodes ``[H, W, 3 or 4]`` as TIFF, losslessly compressed.

    Args:
        values: RGB or RGBA; values outside [0, 1] are clipped.
        tags: Further tags, with ASCII text.
        profile: ICC.
    """
    height, width, channels = values.shape
    compressed = [zlib.compress(_differences(rows).tobytes()) for rows in _rounded(values)]
    sizes = [len(strip) for strip in compressed]
    entries: dict[int, Any] = {
        Tag.ImageWidth: width,
        Tag.ImageLength: height,
        Tag.BitsPerSample: (16,) * channels,
        Tag.Compression: _DEFLATE,
        Tag.PhotometricInterpretation: _RGB,
        Tag.StripOffsets: tuple(accumulate(sizes[:-1], initial=0)),  # from the directory's end
        Tag.SamplesPerPixel: channels,
        Tag.RowsPerStrip: ROWS,
        Tag.StripByteCounts: tuple(sizes),
        Tag.PlanarConfiguration: _INTERLEAVED,
        Tag.Predictor: _DIFFERENCES,
        Tag.InterColorProfile: profile,
        **({Tag.ExtraSamples: _UNPREMULTIPLIED} if channels == 4 else {}),
        **tags,
    }
    directory = ImageFileDirectory_v2(prefix=_BYTE_ORDER)
    for tag, value in entries.items():
        directory[tag] = value
    header = _BYTE_ORDER + struct.pack("<HL", 42, 8)
    return b"".join([header, directory.tobytes(len(header)), *compressed])


def _rounded(values: Pixels) -> Iterator[npt.NDArray[np.uint16]]:
    for rows in strips(values):
        yield np.clip(np.rint(rows * 65535.0), 0, 65535).astype("<u2")


def _differences(rows: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    result = rows.copy()
    result[:, 1:] -= rows[:, :-1]
    return result


def _filtered(rows: npt.NDArray[np.uint16]) -> bytes:
    height, width, channels = rows.shape
    samples = rows.astype(">u2").view(np.uint8).reshape(height, width, 2 * channels)
    samples[:, 1:] -= samples[:, :-1].copy()
    kind = np.ones((height, 1), np.uint8)  # Sub
    return np.hstack([kind, samples.reshape(height, -1)]).tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
