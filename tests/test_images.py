"""Images of every kind go in, clear lines come out for what is none, and PNG carries its text."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from nst import images
from nst.errors import InputError
from nst.files.atomic import write_atomic
from nst.images import profiles, tiff
from nst.images.io import MOST_BYTES

HEIGHT, WIDTH = 20, 32
RED, BLUE, GREY = (200, 40, 20), (30, 60, 180), 100


def two_halves() -> Image.Image:
    """Red on the left, blue on the right: a transposition or a swapped channel shows."""
    image = Image.new("RGB", (WIDTH, HEIGHT), RED)
    image.paste(BLUE, (WIDTH // 2, 0, WIDTH, HEIGHT))
    return image


def ends(picture: images.Picture) -> list[list[int]]:
    """The colours at the left and right end, 0 to 255."""
    return np.rint(picture.rgb[HEIGHT // 2, [2, -3]] * 255).astype(int).tolist()


def close(found: list[list[int]], expected: npt.ArrayLike, within: int) -> bool:
    return bool(np.abs(np.array(found) - np.array(expected)).max() <= within)


def icc(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    """A colour profile, version 2 (ICC.1:2001-04), of the given tags."""
    pcs = b"Lab " if kind == b"prtr" else b"XYZ "
    tags = {b"desc": b"desc" + struct.pack(">iI", 0, 5) + b"test\0" + bytes(78), **tags}
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50, in 1/65536
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + white
    body, table = b"", struct.pack(">I", len(tags))
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s", 132 + 12 * len(tags) + len(body), b"", 2 << 24, kind, space, pcs
    )
    header += bytes(12) + b"acsp" + bytes(28) + white + bytes(48)
    return header + table + body


def curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">iIH", 0, 1, round(gamma * 256))


def point(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + struct.pack(">i3i", 0, *(round(v * 65536) for v in (x, y, z)))


# The primaries of sRGB with red and blue exchanged: what says red is blue.
SWAPPED = icc(
    b"RGB ",
    {
        **{b"bXYZ": point(0.4361, 0.2225, 0.0139), b"gXYZ": point(0.3851, 0.7169, 0.0971)},
        **{b"rXYZ": point(0.1431, 0.0606, 0.7141)},
        **{name: curve(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")},
    },
)
LINEAR_GREY = icc(b"GRAY", {b"kTRC": curve(1.0)})


def only_black_ink() -> bytes:
    """A CMYK profile to whose printer cyan, magenta and yellow are clear water."""
    ramp = bytes(range(256))
    grid = b"".join(bytes([0 if corner % 2 else 255, 128, 128]) for corner in range(16))
    table = b"mft1" + struct.pack(
        ">i4B9i", 0, 4, 3, 2, 0, *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    )
    return icc(b"CMYK", {b"A2B0": table + 4 * ramp + grid + 3 * ramp}, b"prtr")


# --- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "options", "within"),
    [
        ("jpg", {"quality": 95}, 4),
        ("jpg", {"quality": 95, "progressive": True}, 4),
        ("png", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("webp", {"quality": 95}, 12),
        ("tiff", {}, 0),
        ("tiff", {"compression": "tiff_lzw"}, 0),
        ("bmp", {}, 0),
        ("gif", {}, 0),
        ("avif", {"quality": 95, "subsampling": "4:4:4"}, 4),
        ("jp2", {}, 0),
        ("j2k", {}, 0),
    ],
)
def test_formats(tmp_path: Path, suffix: str, options: dict[str, object], within: int) -> None:
    path = tmp_path / f"a.{suffix}"
    two_halves().save(path, **options)
    picture = images.load(path)
    assert picture.rgb.shape == (HEIGHT, WIDTH, 3)
    assert picture.rgb.dtype == np.float32
    assert close(ends(picture), [RED, BLUE], within)
    assert picture.alpha is None
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.source == str(path)


def test_suffix_does_not_matter(tmp_path: Path) -> None:
    two_halves().save(tmp_path / "really_a_png.jpg", "PNG")
    assert ends(images.load(str(tmp_path / "really_a_png.jpg"))) == [list(RED), list(BLUE)]


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "png"])
def test_first_of_several_frames(tmp_path: Path, suffix: str) -> None:
    path, first = tmp_path / f"a.{suffix}", two_halves()
    later = [Image.new("RGB", first.size, "white")]
    first.save(
        path, save_all=True, append_images=later, **({"lossless": True} if suffix == "webp" else {})
    )
    assert ends(images.load(path)) == [list(RED), list(BLUE)]


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("1", "png"),
        ("L", "png"),
        ("L", "jpg"),
        ("L", "tiff"),
        ("P", "png"),
        ("P", "gif"),
        ("P", "bmp"),
    ],
)
def test_grey_and_palette(tmp_path: Path, mode: str, suffix: str) -> None:
    original = two_halves().convert(mode)
    original.save(tmp_path / f"a.{suffix}")
    expected = np.asarray(original.convert("RGB"))[HEIGHT // 2, [2, -3]]
    assert close(ends(images.load(tmp_path / f"a.{suffix}")), expected, 1)


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_carried_and_the_rest_lies_over_white(
    tmp_path: Path, mode: str, suffix: str
) -> None:
    original = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))  # black, were it not transparent
    original.paste((GREY, GREY, GREY, 51), (WIDTH // 2, 0, WIDTH, HEIGHT))
    options = {"lossless": True} if suffix == "webp" else {}
    original.convert(mode).save(tmp_path / f"a.{suffix}", **options)
    picture = images.load(tmp_path / f"a.{suffix}")
    mixed = round(0.2 * GREY + 0.8 * 255)
    assert ends(picture) == [[255] * 3, [mixed] * 3]
    assert picture.alpha is not None
    assert picture.alpha.dtype == np.float32
    np.testing.assert_allclose(picture.alpha[5, [2, -3]], [0.0, 0.2], atol=1e-6)


def test_alpha_that_hides_nothing_is_dropped(tmp_path: Path) -> None:
    two_halves().convert("RGBA").save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png").alpha is None


GREYS = np.full((HEIGHT, WIDTH), 40000, np.uint16)
GREYS[:, WIDTH // 2 :] = 60000


@pytest.mark.parametrize(
    ("original", "clear"),
    [
        (two_halves().quantize(4), None),
        (two_halves().convert("L"), two_halves().convert("L").getpixel((2, 2))),
        (Image.fromarray(GREYS < 50000), 1),
        (two_halves(), RED),
        (Image.fromarray(GREYS), 40000),
    ],
    ids=["palette", "grey", "black and white", "one colour", "16 bits"],
)
def test_transparent_colour(tmp_path: Path, original: Image.Image, clear: object) -> None:
    left = original.getpixel((2, 2))
    table = bytes(0 if i == left else 255 for i in range(4)) if clear is None else clear
    original.save(tmp_path / "a.png", transparency=table)
    picture = images.load(tmp_path / "a.png")
    assert picture.alpha is not None
    assert picture.alpha[5, [2, -3]].tolist() == [0.0, 1.0]
    assert ends(picture)[0] == [255] * 3


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_alpha_that_hides_everything_is_ignored_with_a_warning(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = two_halves().convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / f"a.{suffix}")
    if suffix == "bmp":  # Pillow writes 32 bits without a mask for alpha; this header has one
        (tmp_path / "a.bmp").write_bytes(bmp_with_alpha(image))
    picture = images.load(tmp_path / f"a.{suffix}")
    assert picture.alpha is None
    assert ends(picture) == [list(RED), list(BLUE)]
    assert f"a.{suffix}" in caplog.text
    assert "transparent" in caplog.text


def bmp_with_alpha(image: Image.Image) -> bytes:
    """BITMAPV4HEADER with BI_BITFIELDS: 32 bits, alpha in the highest byte."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, *image.size, 1, 32, 3, 0, 0, 0, 0, 0)
    header += masks + b"BGRs" + bytes(48)
    pixels = np.asarray(image)[::-1, :, [2, 1, 0, 3]].tobytes()
    return struct.pack("<2sIII", b"BM", 14 + 108 + len(pixels), 0, 14 + 108) + header + pixels


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey(tmp_path: Path, suffix: str) -> None:
    values = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    picture = images.load(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(picture.rgb, np.dstack([values / 65535] * 3), atol=1e-7)


def test_sixteen_bit_big_endian(tmp_path: Path) -> None:
    values = np.full((HEIGHT, WIDTH), 0x8001, ">u2")
    Image.frombytes("I;16B", (WIDTH, HEIGHT), values.tobytes()).save(tmp_path / "a.tiff")
    assert images.load(tmp_path / "a.tiff").rgb[0, 0, 0] == np.float32(0x8001 / 65535)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (np.int32, 30000, 30000 / 65535),
        (np.float32, 0.25, 0.25),
        (np.float32, 1.005, 1.0),
        (np.float32, 51.0, 0.2),
        (np.float32, 13107.0, 0.2),
    ],
)
def test_integers_and_floats(
    tmp_path: Path, dtype: type, value: float, expected: float, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH), value, dtype)).save(tmp_path / "a.tiff")
    np.testing.assert_allclose(images.load(tmp_path / "a.tiff").rgb, expected, atol=1e-6)
    assert ("are read as 0 to" in caplog.text) == (dtype is np.float32 and value > 2)


@pytest.mark.parametrize("value", [70000.0, -70.0, float("nan")])
def test_values_of_no_scale(tmp_path: Path, value: float) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH), value, np.float32)).save(tmp_path / "a.tiff")
    refused(tmp_path / "a.tiff", "has values from")


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    """Pillow writes none, so the PNG is put together here."""
    row = b"\0" + b"".join(struct.pack(">3H", *(257 * v for v in RED)) for _ in range(WIDTH))
    (tmp_path / "a.png").write_bytes(
        png(struct.pack(">2I5B", WIDTH, HEIGHT, 16, 2, 0, 0, 0), row * HEIGHT)
    )
    assert ends(images.load(tmp_path / "a.png")) == [list(RED)] * 2


def png(header: bytes, rows: bytes) -> bytes:
    chunks = b""
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        crc = zlib.crc32(kind + data)
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
    return b"\x89PNG\r\n\x1a\n" + chunks


# --- orientation and colour -----------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    """The file holds the picture as the camera saw it; all eight must come out the same."""
    corners = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    corners[:10, :16], corners[:10, 16:], corners[10:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    # EXIF 2.32, 4.6.4 A: where the stored row 0 and column 0 are in the upright picture.
    stored = {
        1: corners,
        2: corners[:, ::-1],
        3: corners[::-1, ::-1],
        4: corners[::-1],
        5: corners.swapaxes(0, 1),
        6: np.rot90(corners),
        7: corners[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(corners, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(np.ascontiguousarray(stored)).save(
        tmp_path / f"a.{suffix}", exif=exif, **quality
    )
    rgb = images.load(tmp_path / f"a.{suffix}").rgb
    assert rgb.shape == corners.shape
    assert np.abs(rgb - corners / 255).mean() < 0.02


def test_damaged_exif_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    two_halves().save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12 nonsense")
    assert ends(images.load(tmp_path / "a.png")) == [list(RED), list(BLUE)]
    assert "a.png" in caplog.text
    assert "EXIF" in caplog.text


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_without_profile(tmp_path: Path, suffix: str) -> None:
    Image.new("CMYK", (WIDTH, HEIGHT), (255, 0, 0, 0)).save(tmp_path / f"a.{suffix}")
    assert close(ends(images.load(tmp_path / f"a.{suffix}")), [(0, 255, 255)] * 2, 2)


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_through_its_profile(tmp_path: Path, suffix: str) -> None:
    image = Image.new("CMYK", (WIDTH, HEIGHT), (255, 0, 0, 0))
    image.paste((0, 0, 0, 255), (WIDTH // 2, 0, WIDTH, HEIGHT))
    image.save(tmp_path / f"a.{suffix}", icc_profile=only_black_ink())
    assert close(ends(images.load(tmp_path / f"a.{suffix}")), [(255,) * 3, (0,) * 3], 3)


def srgb(linear: float) -> float:
    """IEC 61966-2-1."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_colour_profile(tmp_path: Path, mode: str) -> None:
    original = two_halves().convert(mode)
    original.save(tmp_path / "a.png", icc_profile=SWAPPED)
    stored = np.asarray(original.convert("RGB"))[HEIGHT // 2, [2, -3]] / 255
    expected = 255 * np.vectorize(srgb)(stored[:, ::-1] ** 2.2)
    assert close(ends(images.load(tmp_path / "a.png")), expected, 2)


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    two_halves().save(tmp_path / "a.png", icc_profile=profile)
    assert ends(images.load(tmp_path / "a.png")) == [list(RED), list(BLUE)]


@pytest.mark.parametrize("profile", [LINEAR_GREY, SWAPPED], ids=["grey", "rgb"])
@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_through_a_profile(tmp_path: Path, mode: str, profile: bytes) -> None:
    image = {
        "L": Image.new("L", (WIDTH, HEIGHT), 128),
        "LA": Image.new("LA", (WIDTH, HEIGHT), (128, 255)),
        "I;16": Image.fromarray(np.full((HEIGHT, WIDTH), 128 * 257, np.uint16)),
    }[mode]
    image.save(tmp_path / "a.png", icc_profile=profile)
    expected = srgb(128 / 255) if profile is LINEAR_GREY else srgb((128 / 255) ** 2.2)
    np.testing.assert_allclose(images.load(tmp_path / "a.png").rgb, expected, atol=0.012)


@pytest.mark.parametrize(
    "profile", [b"nonsense", SWAPPED[:200], LINEAR_GREY], ids=["no", "cut", "grey"]
)
def test_unusable_profile_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, profile: bytes
) -> None:
    two_halves().save(tmp_path / "a.png", icc_profile=profile)
    assert ends(images.load(tmp_path / "a.png")) == [list(RED), list(BLUE)]
    assert "a.png" in caplog.text
    assert "profile" in caplog.text


# --- what is refused ------------------------------------------------------------------------


def refused(path: Path, *says: str) -> str:
    with pytest.raises(InputError) as caught:
        images.load(path)
    message = str(caught.value)
    assert "\n" not in message
    for part in (path.name, *says):
        assert part in message
    return message


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    two_halves().save(tmp_path / "Portrait.png")
    refused(tmp_path / "portait.png", "does not exist", "Did you mean 'Portrait.png'?")
    assert "mean" not in refused(tmp_path / "xyz.bmp", str(tmp_path))


def test_missing_folder(tmp_path: Path) -> None:
    two_halves().save(tmp_path / "a.png")
    refused(tmp_path / "nowhere" / "a.png", "no folder", str(tmp_path / "nowhere"))
    refused(tmp_path / "a.png" / "b.png", "no folder")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "device or pipe")


def test_name_that_no_file_can_have(tmp_path: Path) -> None:
    refused(tmp_path / ("n" * 300), "cannot be read")
    with pytest.raises(InputError, match="cannot be read"):
        images.load("a\0b.png")
    with pytest.raises(InputError, match=r"/two lines\.png does not exist"):
        images.load("two\nlines.png")


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    refused(tmp_path / "a.png", "zero bytes")


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tiff").open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # sparse: takes no room
    refused(tmp_path / "a.tiff", "0.6 GB")


@pytest.mark.parametrize("data", [b"hello", b"\0" * 500])
def test_not_an_image(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    refused(tmp_path / "a.jpg", "not an image", "webp")


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Nothing is unreadable to root, so be somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable(tmp_path: Path) -> None:
    two_halves().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with ordinary_user():
        refused(tmp_path / "a.png", "cannot be read", "Permission denied")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp", "gif", "avif", "jp2"])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.9])
def test_truncated(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    refused(path, "damaged")


def test_too_small(tmp_path: Path) -> None:
    Image.new("RGB", (15, 40)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "15x40", "16")
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png").rgb.shape == (16, 16, 3)


def test_thin_and_long(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 16), RED).save(tmp_path / "a.png")
    assert images.load(tmp_path / "a.png").rgb.shape == (16, 8000, 3)


@pytest.mark.parametrize("side", [10_001, 20_000, 60_000])
def test_decompression_bomb(tmp_path: Path, side: int, recwarn: pytest.WarningsRecorder) -> None:
    """Refused from the header, before any of the gigabytes are asked for."""
    limit = Image.MAX_IMAGE_PIXELS
    header = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png(header, b"\0"))
    refused(tmp_path / "a.png", "px" if side < 14_000 else "large")
    assert limit == Image.MAX_IMAGE_PIXELS
    assert not recwarn.list


def test_largest_valid_side(tmp_path: Path) -> None:
    """8,000 x 8,000 px get past the header, and this one is then found to be cut off."""
    header = struct.pack(">2I5B", 8000, 8000, 1, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png(header, b"\0"))
    refused(tmp_path / "a.png", "cut off")


def test_a_result_may_be_larger_than_what_a_run_takes(tmp_path: Path) -> None:
    """16,000 x 16,000 px that are cut off: their size is refused in an input, not in a result."""
    data = images.encode_png(np.zeros((16, 16, 3), np.float32), text=TEXT)
    header = b"IHDR" + struct.pack(">2I5B", 16_000, 16_000, 1, 0, 0, 0, 0)
    data = data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    (tmp_path / "a.png").write_bytes(data)
    refused(tmp_path / "a.png", "the limit is 100 million px")
    with pytest.raises(InputError, match="cut off"):
        images.load(tmp_path / "a.png", result=True)
    assert images.read_text(tmp_path / "a.png") == TEXT


SAMPLES = {}
for _suffix in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000"):
    _file = io.BytesIO()
    two_halves().save(_file, _suffix)
    SAMPLES[_suffix] = _file.getvalue()


@settings(max_examples=150, deadline=None)
@given(data=st.data(), sample=st.sampled_from(sorted(SAMPLES)))
def test_mutated_files_end_well(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, sample: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated"
    mutated = bytearray(SAMPLES[sample])
    for _ in range(data.draw(st.integers(1, 6))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(mutated)
    try:
        picture = images.load(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert picture.rgb.min() >= 0
        assert picture.rgb.max() <= 1


# --- arrays ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_from_array(dtype: type, channels: int | None) -> None:
    peak = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    values = np.full((16, 18) if channels is None else (16, 18, channels), 0.2 * peak, dtype)
    picture = images.from_array(values)
    has_alpha = channels in (2, 4)
    assert picture.rgb.shape == (16, 18, 3)
    assert picture.rgb.dtype == np.float32
    assert (picture.alpha is not None) == has_alpha
    expected = 0.2 * 0.2 + 0.8 if has_alpha else 0.2
    np.testing.assert_allclose(picture.rgb, expected, atol=1e-4)


def test_from_array_is_what_load_gives(tmp_path: Path) -> None:
    image = two_halves().convert("RGBA")
    image.putalpha(77)
    image.save(tmp_path / "a.png")
    loaded = images.load(tmp_path / "a.png")
    for same in (image, np.asarray(image), Image.open(tmp_path / "a.png")):
        picture = images.from_array(same)
        np.testing.assert_array_equal(picture.rgb, loaded.rgb)
        np.testing.assert_array_equal(picture.alpha, loaded.alpha)
        assert picture.sha256 == images.from_array(image).sha256


def test_pil_image_of_the_caller_is_left_alone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    two_halves().save(file := io.BytesIO(), "JPEG", exif=exif)
    image = Image.open(file)
    assert images.from_array(image).rgb.shape == (WIDTH, HEIGHT, 3)
    assert image.size == (WIDTH, HEIGHT)
    assert image.getexif()[0x0112] == 6


def test_hash_tells_pixels_and_shapes_apart() -> None:
    grids = [np.zeros((16, 32)), np.zeros((32, 16)), np.ones((16, 32))]
    assert len({images.from_array(grid).sha256 for grid in grids}) == 3


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((1, 20, 20, 3)), "shape"),
        (np.zeros((20, 20, 5)), "shape"),
        (np.zeros(20), "shape"),
        (np.zeros((3, 20, 20)), "shape"),
        (np.zeros((8, 20, 3)), "20x8"),
        (np.full((20, 20), 255.0), "255"),
        (np.full((20, 20), np.nan), "nan"),
        (np.full((20, 20), -0.1), "-0.1"),
        (np.zeros((20, 20), np.int64), "int64"),
        (np.full((20, 20), "a"), "array of"),
        (Image.new("RGB", (8, 20)), "8x20"),
    ],
)
def test_arrays_that_are_not_images(array: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        images.from_array(array)  # type: ignore[arg-type]


# --- size -----------------------------------------------------------------------------------

sides = st.integers(1, 20_000)


@given(sides, sides, sides)
def test_fit(height: int, width: int, long_side: int) -> None:
    fitted = images.fit((height, width), long_side)
    exact = [side * long_side / max(height, width) for side in (height, width)]
    assert max(fitted) == long_side
    assert min(fitted) >= 1
    for found, wanted in zip(fitted, exact, strict=True):
        assert abs(found - wanted) <= 0.5 or (found == 1 and wanted < 0.5)


@pytest.mark.parametrize(("shape", "long_side"), [((0, 4), 8), ((4, 4), 0)])
def test_fit_refuses(shape: tuple[int, int], long_side: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        images.fit(shape, long_side)


def test_resize_to_the_same_size_is_the_identity() -> None:
    values = np.random.default_rng(0).random((20, 30, 3), np.float32)
    assert images.resize(values, (20, 30)) is values


@pytest.mark.parametrize("size", [(10, 10), (7, 90), (61, 33)])
@pytest.mark.parametrize("shape", [(30, 40, 3), (30, 40)])
def test_resize_keeps_constants_and_range(size: tuple[int, int], shape: tuple[int, ...]) -> None:
    flat = images.resize(np.full(shape, 0.37, np.float32), size)
    assert flat.shape == (*size, *shape[2:])
    assert flat.dtype == np.float32
    np.testing.assert_allclose(flat, 0.37, atol=1e-6)
    steps = images.resize((np.indices(shape).sum(0) % 8 < 4).astype(np.float32), size)
    assert steps.min() >= 0.0
    assert steps.max() <= 1.0


def test_resize_does_not_alias() -> None:
    """A chequered pattern finer than the small image can show becomes an even grey."""
    fine = (np.indices((160, 160)).sum(0) % 2).astype(np.float32)
    assert np.abs(images.resize(fine, (20, 20))[4:-4, 4:-4] - 0.5).max() < 0.01


def test_resize_keeps_more_than_eight_bits() -> None:
    fine = np.linspace(0.5, 0.5 + 1 / 255, 4000, dtype=np.float32).reshape(40, 100)
    assert len(np.unique(images.resize(fine, (20, 50)))) > 500


def test_resize_knows_height_from_width_and_channels_apart() -> None:
    rgb = np.zeros((40, 40, 3), np.float32)
    rgb[:20, :, 0] = rgb[:, :20, 2] = 1
    small = images.resize(rgb, (16, 32))
    np.testing.assert_allclose(small[3, 25], [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(small[12, 5], [0, 0, 1], atol=0.02)


# --- PNG out --------------------------------------------------------------------------------


def test_rounding_then_clipping() -> None:
    levels = np.array([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 1.7], np.float32)
    image = images.to_pil(np.broadcast_to(levels[:, None, None], (7, 2, 3)))
    assert np.asarray(image)[:, 0, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_png_there_and_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
    values[..., 3] = np.maximum(values[..., 3], 1)
    rgb, alpha = np.float32(values[..., :3]) / 255, np.float32(values[..., 3]) / 255
    write_atomic(tmp_path / "a.png", images.encode_png(rgb, alpha))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), values)
    write_atomic(tmp_path / "a.png", images.encode_png(rgb))
    np.testing.assert_array_equal(images.load(tmp_path / "a.png").rgb, rgb)


def test_png_text(tmp_path: Path) -> None:
    text = {"config": "alpha: 1000.0  # Größe 中文 🎨\n" * 500, "seed": "7", "empty": ""}
    rgb = np.zeros((4, 300, 3), np.float32)  # a result may be thinner than any input
    data = images.encode_png(rgb, text=text)
    assert data == images.encode_png(rgb.copy(), text=dict(text))
    assert len(data) < 2000
    (tmp_path / "a.png").write_bytes(data)
    found = images.read_text(tmp_path / "a.png")
    assert found == text
    assert {type(value) for value in found.values()} == {str}


TEXT = {"config": "alpha: 1000.0  # Größe 中文 🎨\n" * 100, "seed": "7", "empty": ""}


@pytest.mark.parametrize(("kind", "within"), [("png", 0), ("tiff", 0), ("webp", 24), ("jpg", 6)])
def test_every_format_of_results_carries_text(tmp_path: Path, kind: str, within: int) -> None:
    rgb = images.from_array(two_halves()).rgb
    data = images.encode(kind, rgb, text=TEXT)
    assert data == images.encode(kind, rgb, text=TEXT)
    (tmp_path / f"a.{kind}").write_bytes(data)
    assert images.read_text(tmp_path / f"a.{kind}") == TEXT
    assert close(ends(images.load(tmp_path / f"a.{kind}")), [RED, BLUE], within)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
def test_transparency_is_kept_where_the_format_has_it(kind: str) -> None:
    alpha = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    rgb = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    picture = images.from_memory(images.encode(kind, rgb, alpha, quality=100))
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha, 0.2, atol=1e-6)
    np.testing.assert_allclose(picture.rgb, 0.2 * 0.4 + 0.8, atol=1e-6)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bits_keep_what_8_cannot(kind: str, channels: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((300, 41, channels), np.float32)  # two strips
    rgb, alpha = values[..., :3], values[..., 3] if channels == 4 else None
    data = images.encode(kind, rgb, alpha, TEXT, bits=16)
    (tmp_path / f"a.{kind}").write_bytes(data)
    if kind == "png":
        import tensorflow as tf  # here: nothing else in this file needs it

        exact = tf.io.decode_png(data, dtype=tf.uint16).numpy() / 65535
    else:
        colour, opacity = tiff.decode(data, "a.tiff")
        exact = colour if opacity is None else np.dstack([colour, opacity])
    np.testing.assert_allclose(exact, values, atol=0.6 / 65535)
    assert images.read_text(tmp_path / f"a.{kind}") == TEXT
    with Image.open(io.BytesIO(data)) as image:  # another reader, which takes the high bytes
        assert image.info["icc_profile"] == profiles.srgb()
        seen = np.asarray(image)
    assert np.abs(seen / 255 - values).max() <= 1.1 / 255
    assert data == images.encode(kind, rgb, alpha, TEXT, bits=16)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff"])
def test_results_have_a_colour_profile(kind: str) -> None:
    rgb = images.from_array(two_halves()).rgb
    for profile in (None, SWAPPED):
        data = images.encode(kind, rgb, quality=100, profile=profile)
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["icc_profile"] == (profile or profiles.srgb())
        picture = images.from_memory(data)
        assert picture.profile == (profile or profiles.srgb())
        assert close(ends(picture), [RED, BLUE], 8)
    assert images.reachable(SWAPPED, "a") == SWAPPED


def test_a_profile_that_cannot_be_written_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    for useless in (None, b"nonsense", LINEAR_GREY):
        caplog.clear()
        assert images.reachable(useless, "me.jpg") == profiles.srgb()
        assert "me.jpg: no colour profile" in caplog.text


def test_jpg_shows_transparency_on_white_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    alpha, rgb = np.full((16, 16), 0.2, np.float32), np.full((16, 16, 3), 0.4, np.float32)
    picture = images.from_memory(images.encode("jpg", rgb, alpha))
    np.testing.assert_allclose(picture.rgb, 0.88, atol=0.01)
    assert "no transparency" in caplog.text


def test_quality_is_size() -> None:
    rgb = np.random.default_rng(0).random((64, 64, 3), np.float32)
    for kind in ("jpg", "webp"):
        sizes = [len(images.encode(kind, rgb, quality=quality)) for quality in (10, 60, 95)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2
    lossless = images.from_memory(images.encode("webp", rgb, quality=100))
    np.testing.assert_array_equal(lossless.rgb, np.rint(rgb * 255).astype(np.float32) / 255)


@pytest.mark.parametrize("text", ["Taken on holiday", "[1, 2]", "null", "{", '"a"'])
def test_a_camera_s_description_is_not_ours(tmp_path: Path, text: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = text
    two_halves().save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(InputError, match="holds no text"):
        images.read_text(tmp_path / "a.jpg")


def test_text_of_a_file_without(tmp_path: Path) -> None:
    two_halves().save(tmp_path / "a.png")
    with pytest.raises(InputError, match="holds no text"):
        images.read_text(tmp_path / "a.png")
    two_halves().save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="holds no text"):
        images.read_text(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"Did you mean 'a\.(png|jpg)'"):
        images.read_text(tmp_path / "a.pnng")


@pytest.mark.parametrize(
    ("rgb", "alpha"),
    [
        (np.zeros((1, 4, 4, 3)), None),
        (np.zeros((4, 4)), None),
        (np.zeros((4, 4, 3)), np.zeros((4, 5))),
        (np.full((4, 4, 3), np.nan), None),
        (np.zeros((4, 4, 3)), np.full((4, 4), np.inf)),
    ],
)
def test_what_cannot_be_saved(rgb: images.Pixels, alpha: images.Pixels | None) -> None:
    with pytest.raises(ValueError, match=r"must be|finite"):
        images.encode_png(rgb, alpha)


def test_a_large_jpeg_is_decoded_no_larger_than_needed(tmp_path) -> None:
    from PIL import Image

    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (600, 800, 3)).copy()).save(path)
    whole = images.load(path)
    assert whole.rgb.shape == images.load(path, 201).rgb.shape == (600, 800, 3)
    small = images.load(path, 100)
    assert small.rgb.shape == (300, 400, 3)
    assert small.sha256 == whole.sha256, "the file is the same"
    wanted = images.resize(whole.rgb, (75, 100))
    assert np.abs(images.resize(small.rgb, (75, 100)) - wanted).max() < 2 / 255


def test_a_jpeg_that_would_shift_is_decoded_whole(tmp_path) -> None:
    """A quarter of 1021 px is no whole pixels: the rest would be stretched by what is missing."""
    from PIL import Image

    Image.new("RGB", (1021, 809)).save(tmp_path / "a.jpg")
    assert images.load(tmp_path / "a.jpg", 64).rgb.shape == (809, 1021, 3)
