"""Pack a teacher's filters and training pictures into one file, to train where only JAX is.

    python scripts/distillation/packing.py --pictures FOLDER

The machine that has an accelerator need not have TensorFlow, and one file travels more easily than
many.
"""

from __future__ import annotations

import argparse
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:  # needs TensorFlow, which a machine that only trains may lack
    from nst.features.vgg import Layer

LONG_SIDE = 512  # maximum of a picture, px
SHORT_SIDE = 160  # minimum, px
HELD_OUT = 10  # every nth picture is kept out of the training
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SMALL_FILE = 8_000  # bytes; smaller files are icons


def main() -> None:
    """Packs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--teacher", choices=["vgg16", "vgg19"], default="vgg16")
    parser.add_argument("--weights", type=Path, help="the teacher's, if Keras has not fetched them")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--quality", type=int, default=80, help="of the JPEG files")
    parser.add_argument("--out", type=Path, default=Path("outputs/pack.npz"))
    options = parser.parse_args()

    arrays = {
        f"{layer.name}/{part}": rounded(getattr(layer, part))
        for layer in teacher(options.teacher, options.weights)
        for part in ("kernel", "bias")
        if layer.kernel is not None
    }
    files = collected(options.pictures, options.quality)
    arrays["pictures"] = np.frombuffer(b"".join(files), np.uint8)
    arrays["lengths"] = np.array([len(file) for file in files])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save(arrays, options.out)
    print(f"{len(files)} pictures, {options.out.stat().st_size / 1e6:.1f} MB")


def teacher(name: str, file: Path | None) -> Sequence[Layer]:
    """Reads the teacher's layers, found as a run finds them: a file, Keras' cache, its download."""
    from nst.config import compose
    from nst.features import weights

    network = compose([f"network={name}"]).network
    path = str(file) if file else None
    return weights.load(weights.locate(name, path, network.url, network.md5, network.timeout))


def unpacked(path: Path) -> tuple[dict[str, np.ndarray], list[bytes]]:
    """Reads a pack: kernels and biases of the teacher by name, and JPEG files."""
    with np.load(path) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays.pop("lengths"))
    parts = np.split(arrays.pop("pictures"), ends[:-1])
    return arrays, [part.tobytes() for part in parts]


def decoded(file: bytes) -> np.ndarray:
    """Decodes a picture of a pack: uint8 RGB ``[H, W, 3]``."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def save(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Writes a compressed file atomically."""
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    os.replace(beside, path)


def collected(folders: Sequence[Path], quality: int) -> list[bytes]:
    """Returns every image in the folders, however deep, once, as JPEG files.

    Transparent images get a random background colour. Skips other files, small images and
    duplicates.
    """
    Image.MAX_IMAGE_PIXELS = None
    rng = np.random.default_rng(0)
    found: dict[bytes, bytes] = {}
    for path in sorted(p for folder in folders for p in folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.stat().st_size < SMALL_FILE:
            continue
        try:
            with Image.open(path) as file:
                file.draft("RGB", (2 * LONG_SIDE, 2 * LONG_SIDE))
                picture = _opaque(file, rng)
        except OSError as error:
            warnings.warn(f"{path}: {error}", stacklevel=2)
            continue
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        if min(picture.size) >= SHORT_SIDE:
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=quality, optimize=True)
            found.setdefault(picture.resize((8, 8)).tobytes(), stream.getvalue())
    return list(found.values())


def rounded(values: np.ndarray) -> np.ndarray:
    """Rounds to float16 with the mantissa of bfloat16, which compresses better."""
    words = values.astype(np.float16).view(np.uint16)
    return ((words + 4) & ~np.uint16(7)).view(np.float16)


def _opaque(file: Image.Image, rng: np.random.Generator) -> Image.Image:
    if not file.has_transparency_data:
        return file.convert("RGB")
    picture = file.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (*map(int, rng.integers(0, 256, 3)), 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


if __name__ == "__main__":
    main()
