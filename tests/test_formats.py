"""Rare formats give their pixels, hostile files a clear line in bounded time and memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, features

from nst import images
from nst.errors import InputError
from nst.images.formats import unreadable

HEIGHT, WIDTH = 20, 32
RAMP = np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))  # black on the left, white on the right
HALF = np.full_like(RAMP, 128 / 255)


def eight(values: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    return np.rint(np.asarray(values) * 255).astype(np.uint8)


def tiff(
    samples: npt.NDArray[np.generic], photometric: int, order: str = "<", **more: int
) -> bytes:
    """A TIFF 6.0 of one strip; `samples` are `[H, W, S]`."""
    height, width, count = samples.shape
    kind = 3 if samples.dtype.kind == "f" else 1
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    compression, predictor = more.get("compression", 1), more.get("predictor", 1)
    if predictor == 3:
        data = float_predicted(samples)
    if predictor == 2:
        steps = np.diff(samples, axis=1, prepend=samples.dtype.type(0))
        data = steps.astype(samples.dtype.newbyteorder(order)).tobytes()
    if compression == 8:
        data = zlib.compress(data)
    bits = 8 * samples.itemsize
    tags: dict[int, tuple[int, ...]] = {256: (width,), 257: (height,), 258: (bits,) * count}
    tags |= {259: (compression,), 262: (photometric,), 273: (8,), 277: (count,), 278: (height,)}
    tags |= {279: (len(data),), 284: (more.get("planar", 1),), 317: (predictor,)}
    tags |= {274: (more.get("orientation", 1),)}
    tags |= {339: (kind,) * count} | ({338: (more["extra"],)} if "extra" in more else {})
    entries, values = struct.pack(f"{order}H", len(tags)), b""
    after = 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}L", *numbers)
        if len(numbers) > 1:
            values, packed = values + packed, struct.pack(f"{order}L", after + len(values))
        entries += struct.pack(f"{order}HHL", tag, 4, len(numbers)) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}L", 8 + len(data)) + data + entries + bytes(4) + values


def float_predicted(samples: npt.NDArray[np.generic]) -> bytes:
    """Photoshop TIFF Technical Note 3: bytes of equal rank side by side, then differences."""
    height, width, count = samples.shape
    planes = np.frombuffer(samples.astype(">f4").tobytes(), np.uint8)
    planes = planes.reshape(height, width * count, 4).transpose(0, 2, 1).reshape(height, -1, count)
    return np.diff(planes, axis=1, prepend=np.uint8(0)).tobytes()


# --- TIFF -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("channels", [1, 2])
def test_zero_is_white_where_a_tiff_says_so(dtype: str, channels: int, order: str) -> None:
    peak = 1.0 if dtype == "f4" else np.iinfo(dtype).max
    stored = np.dstack([1 - RAMP, np.ones_like(RAMP)])[..., :channels]
    extra = {"extra": 2} if channels == 2 else {}
    stored = (stored * peak).round(3 if dtype == "f4" else 0).astype(dtype)
    picture = images.from_memory(tiff(stored, 0, order, **extra))
    np.testing.assert_allclose(picture.rgb, np.dstack([RAMP] * 3), atol=0.003)
    assert picture.alpha is None


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_zero_is_white_in_few_bits(bits: int) -> None:
    data = bytearray(tiff(np.zeros((16, 16, 1), np.uint8), 0))
    where = data.index(struct.pack("<HHLL", 258, 4, 1, 8))
    data[where + 8] = bits
    np.testing.assert_array_equal(images.from_memory(bytes(data)).rgb, 1.0)


def test_twelve_bits_reach_white() -> None:
    data = bytearray(tiff(np.full((16, 24, 1), 255, np.uint8), 1))  # the bytes of 16 x 16
    for old, new in ((258, (8, 12)), (256, (24, 16))):
        where = data.index(struct.pack("<HHLL", old, 4, 1, new[0]))
        data[where + 8] = new[1]
    np.testing.assert_array_equal(images.from_memory(bytes(data)).rgb, 1.0)


FLOAT_RGB = np.dstack([RAMP, RAMP**2, 1 - RAMP]).astype(np.float32)
STORAGES: list[dict[str, int]] = [{}, {"compression": 8}, {"compression": 8, "predictor": 3}]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("storage", STORAGES, ids=["plain", "deflate", "predicted"])
def test_floating_point_in_every_storage(
    storage: dict[str, int], order: str, channels: int
) -> None:
    stored = FLOAT_RGB[..., :channels]
    picture = images.from_memory(tiff(stored, channels // 2 + 1, order, **storage))
    np.testing.assert_array_equal(picture.rgb, np.broadcast_to(stored, FLOAT_RGB.shape))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_rare_kind_is_that_of_a_common_one(orientation: int) -> None:
    deep = images.from_memory(tiff(FLOAT_RGB, 2, orientation=orientation))
    plain = images.from_memory(tiff(eight(FLOAT_RGB), 2, orientation=orientation))
    np.testing.assert_allclose(deep.rgb, plain.rgb, atol=0.002)


def test_half_precision_colour() -> None:
    picture = images.from_memory(tiff(FLOAT_RGB.astype(np.float16), 2))
    np.testing.assert_allclose(picture.rgb, FLOAT_RGB, atol=0.001)


@pytest.mark.parametrize("storage", [{}, {"compression": 8, "predictor": 2}])
@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_grey_with_alpha(storage: dict[str, int], order: str) -> None:
    stored = (np.dstack([RAMP, HALF]) * 65535).astype(np.uint16)
    picture = images.from_memory(tiff(stored, 1, order, extra=2, **storage))
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha, HALF, atol=1e-4)
    expected = RAMP * HALF + 1 - HALF
    np.testing.assert_allclose(picture.rgb, np.dstack([expected] * 3), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_grey(dtype: type) -> None:
    stored = (np.dstack([RAMP * HALF, HALF]) * np.iinfo(dtype).max).astype(dtype)
    picture = images.from_memory(tiff(stored, 1, extra=1))
    expected = RAMP * HALF + 1 - HALF
    np.testing.assert_allclose(picture.rgb, np.dstack([expected] * 3), atol=0.006)


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_cmyk_with_alpha(extra: int) -> None:
    ink, none = 255 - eight(RAMP), np.zeros((HEIGHT, WIDTH), np.uint8)
    stored = np.dstack([ink, none, none, none, none + 255])
    picture = images.from_memory(tiff(stored, 5, extra=extra))
    assert picture.alpha is None
    np.testing.assert_allclose(picture.rgb[..., 0], RAMP, atol=0.01)
    np.testing.assert_array_equal(picture.rgb[..., 1:], 1.0)


def test_separate_planes_of_a_rare_kind_are_named() -> None:
    with pytest.raises(InputError, match="separate planes"):
        images.from_memory(tiff(FLOAT_RGB, 2, planar=2))


def test_lab_has_no_false_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    colours = 0.25 + 0.5 * FLOAT_RGB
    rgb = Image.fromarray(eight(colours))
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(rgb, srgb, lab, outputMode="LAB")
    assert converted is not None
    profile = ImageCms.ImageCmsProfile(lab).tobytes()
    converted.save(tmp_path / "a.tiff", icc_profile=profile)
    picture = images.load(tmp_path / "a.tiff")
    np.testing.assert_allclose(picture.rgb, colours, atol=0.03)
    assert not caplog.text


# --- gamma ----------------------------------------------------------------------------------


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in (*chunks, (b"IEND", b"")):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        data += struct.pack(">I", len(content)) + kind + content + crc
    return data


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("gamma", "before", "exponent"),
    [
        (100_000, None, 1 / 2.2),  # linear
        (45_455, None, 1.0),
        (100_000, b"sRGB", 1.0),
        (0, None, 1.0),  # meaningless
        (55_556, None, 1 / (0.55556 * 2.2)),
    ],
)
def test_gamma_of_a_png(depth: int, gamma: int, before: bytes | None, exponent: float) -> None:
    stored = (RAMP * (2**depth - 1)).astype(">u2" if depth == 16 else "u1")
    rows = b"".join(b"\0" + row.tobytes() for row in stored)
    header = (b"IHDR", struct.pack(">2I5B", WIDTH, HEIGHT, depth, 0, 0, 0, 0))
    other = [(before, b"\0")] if before else []
    data = png(header, (b"gAMA", struct.pack(">I", gamma)), *other, (b"IDAT", zlib.compress(rows)))
    rgb = images.from_memory(data).rgb
    np.testing.assert_allclose(rgb[..., 0], RAMP**exponent, atol=0.06 if depth == 8 else 0.002)
    np.testing.assert_allclose(rgb[:, WIDTH // 2, 0], (WIDTH // 2 / 31) ** exponent, atol=0.003)


# --- other kinds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\x0a\0", "a JPEG XL image"),
        (b"\0\0\0\x20ftypisom\0\0", "a video"),
        (b"\0\0\0\x20ftypcrx \0\0", "raw file"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0\n", "a PostScript document"),
        (b"<svg/>", "an SVG drawing"),
        (b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="9">', "an SVG drawing"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04\x14", "a zip archive"),
        (b"\x89PNG\r\n\x1a\nxxxx", "a damaged PNG file"),
        (b"RIFF\0\0\0\0WEBPxxxx", "a damaged WebP file"),
        (b"\0\0\0\x20ftypavif\0\0", "a damaged AVIF file"),
        (b"II*\0\xff\0\0\0", "a damaged TIFF file"),
    ],
)
def test_a_file_is_called_what_it_is(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.jpg is .*{says}"):
        images.load(tmp_path / "a.jpg")


def test_kinds_are_told_by_the_start_alone() -> None:
    start = time.monotonic()
    assert "not an image" in str(unreadable("a", b"<!--" * 10_000_000))
    assert time.monotonic() - start < 1


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(999)


def test_heic_names_the_extra_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"is a HEIC file: .*nst\[heic\]"):
        images.from_memory(HEIC)


def test_heic_is_read_through_the_extra() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    before = set(Image.OPEN)
    upright = np.zeros((40, 64, 3), np.uint8)
    upright[:20, :32] = 255, 0, 0
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned
    file, stored = io.BytesIO(), Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    pillow_heif.from_pillow(stored).save(file, quality=95, exif=exif.tobytes(), format="HEIF")
    rgb = images.from_memory(file.getvalue()).rgb
    assert rgb.shape == upright.shape
    assert np.abs(rgb - upright / 255).mean() < 0.03
    assert set(Image.OPEN) == before  # the caller's Pillow is left as it was
    with pytest.raises(InputError, match="damaged"):
        images.from_memory(HEIC)


# --- bounds ---------------------------------------------------------------------------------


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of one colour whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("L", (side, side), 99).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + (scans - data.count(b"\xff\xda")) * last + b"\xff\xd9"


def test_jpeg_of_endless_scans_is_refused_at_once() -> None:
    data = many_scans(4000, 1000)
    start = time.monotonic()
    with pytest.raises(InputError, match="1000 scans"):
        images.from_memory(data)
    assert time.monotonic() - start < 1
    assert images.from_memory(many_scans(64, 100)).rgb.shape == (64, 64, 3)


BOMBS = {
    "png": png((b"IHDR", struct.pack(">2I5B", 10_000, 10_000, 8, 6, 0, 0, 0)), (b"IDAT", b"x")),
    "float tiff": tiff(np.zeros((1, 16, 3), np.float32), 2).replace(
        struct.pack("<HHLL", 256, 4, 1, 16), struct.pack("<HHLL", 256, 4, 1, 5000)
    ).replace(struct.pack("<HHLL", 257, 4, 1, 1), struct.pack("<HHLL", 257, 4, 1, 5000)),
    "bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 10_000, 10_000, 1, 24, *[0] * 6),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 10_000, 10_000, 0, 0, 0)
    + b"," + struct.pack("<HHHHB", 0, 0, 10_000, 10_000, 0) + b"\x08\x01\0\0;",
    "scans": many_scans(2000, 500),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_file_takes_a_gigabyte_or_twenty_seconds_to_refuse(bomb: str, tmp_path: Path) -> None:
    """In a process of its own, by the peak since its start (ru_maxrss inherits its parent's)."""
    (tmp_path / "a").write_bytes(BOMBS[bomb])
    code = (
        "import re, resource, sys\nfrom pathlib import Path\nfrom nst import images\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "try: images.load(sys.argv[1])\nexcept images.io.InputError as error: print(error)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 1_000_000, done.stdout


# --- images in memory -----------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(hnp.scalar_dtypes() | hnp.array_dtypes(), hnp.array_shapes(min_dims=0, max_side=20))
)
def test_arrays_of_any_kind_are_images_or_end_in_one_line(array: npt.NDArray[np.generic]) -> None:
    try:
        picture = images.from_memory(array)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert picture.rgb.min() >= 0
        assert picture.rgb.max() <= 1


@given(
    st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
    | st.dictionaries(st.text(), st.integers()) | st.binary()
)  # fmt: skip
def test_other_objects_end_in_one_line(value: object) -> None:
    with pytest.raises(InputError) as caught:
        images.from_memory(value)
    assert "\n" not in str(caught.value)


def test_bytes_files_and_images_of_one_file_are_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(eight(FLOAT_RGB)).save(path)
    loaded = images.load(path)
    with path.open("rb") as file, Image.open(path) as image:
        for same in (path.read_bytes(), bytearray(path.read_bytes()), file, image):
            np.testing.assert_array_equal(images.from_memory(same).rgb, loaded.rgb)
        with pytest.raises(InputError, match=r"rewind it with seek\(0\)"):
            images.from_memory(file)
    assert images.from_memory(path.read_bytes()).sha256 == loaded.sha256
    with pytest.raises(InputError, match="cannot be read"):
        images.from_memory(file)
    with path.open("r", encoding="latin-1") as text, pytest.raises(InputError, match="as text"):
        images.from_memory(text)


def test_pil_image_of_a_white_at_zero_tiff(tmp_path: Path) -> None:
    (tmp_path / "a.tiff").write_bytes(tiff((65535 * (1 - RAMP[..., None])).astype(np.uint16), 0))
    with Image.open(tmp_path / "a.tiff") as image:
        picture = images.from_memory(image)
    np.testing.assert_allclose(picture.rgb[..., 0], RAMP, atol=1e-4)


# --- transparent styles ---------------------------------------------------------------------


def test_the_clear_parts_of_a_style_are_not_white_paint(caplog: pytest.LogCaptureFixture) -> None:
    rgba = np.zeros((60, 80, 4), np.float32)
    rgba[20:40, 30:70] = 0.2, 0.4, 0.6, 1.0
    rgba[20:30, 30:50] = 0.0  # a corner of what is left by the crop
    style = images.visible(images.from_memory(rgba))
    assert style.alpha is None
    assert style.rgb.shape == (20, 40, 3)
    np.testing.assert_allclose(style.rgb, np.broadcast_to([0.2, 0.4, 0.6], (20, 40, 3)), atol=1e-6)
    assert "25 % of it is transparent" in caplog.text


def test_an_opaque_style_stays_as_it_is() -> None:
    picture = images.from_memory(FLOAT_RGB)
    assert images.visible(picture) is picture


def test_a_style_thinner_than_an_image_is_not_cropped() -> None:
    rgba = np.zeros((60, 80, 4), np.float32)
    rgba[20:24] = 1.0
    assert images.visible(images.from_memory(rgba)).rgb.shape == (60, 80, 3)


def test_avif_and_jpeg_2000_are_in_this_pillow() -> None:
    assert features.check("avif")
    assert features.check("jpg_2000")
