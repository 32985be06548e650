"""Training images: decoded from folders, cropped, recoloured, blended, with noise added."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

LONG_SIDE = 1000  # maximum of decoded images, px
SHORT_SIDE = 160  # minimum of images that are used, px
SMALLEST, LARGEST = 90, 500  # side of a crop before it is resized, px
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SMALL_FILE = 8_000  # bytes; smaller files are icons


def load(folders: Sequence[Path]) -> list[np.ndarray]:
    """Decodes every image in the folders, however deep, once: uint8 RGB ``[H, W, 3]``.

    Transparent images get a random background colour. Skips other files, small images and
    duplicates.
    """
    Image.MAX_IMAGE_PIXELS = None
    rng = np.random.default_rng(0)
    pictures: dict[bytes, np.ndarray] = {}
    for path in sorted(p for folder in folders for p in folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.stat().st_size < SMALL_FILE:
            continue
        try:
            with Image.open(path) as file:
                file.draft("RGB", (LONG_SIDE, LONG_SIDE))
                picture = _opaque(file, rng)
        except OSError as error:
            warnings.warn(f"{path}: {error}", stacklevel=2)
            continue
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        if min(picture.size) >= SHORT_SIDE:
            pictures.setdefault(picture.resize((8, 8)).tobytes(), np.asarray(picture))
    return list(pictures.values())


def _opaque(file: Image.Image, rng: np.random.Generator) -> Image.Image:
    if not file.has_transparency_data:
        return file.convert("RGB")
    picture = file.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (*map(int, rng.integers(0, 256, 3)), 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def batch(
    pictures: Sequence[np.ndarray], count: int, side: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws crops, RGB in [0, 1], ``[count, side, side, 3]`` float32.

    A quarter are blends of two and a third have noise added, because the images in a style transfer
    are neither clean nor a single picture.
    """
    areas = np.array([np.sqrt(picture.shape[0] * picture.shape[1]) for picture in pictures])
    chosen = rng.choice(len(pictures), count, p=areas / areas.sum())
    crops = np.stack([recoloured(crop(pictures[i], side, rng), rng) for i in chosen])
    for i in np.flatnonzero(rng.random(count) < 0.25):
        share = rng.uniform(0.3, 0.7)
        crops[i] = share * crops[i] + (1 - share) * crops[rng.integers(count)]
    for i in np.flatnonzero(rng.random(count) < 1 / 3):
        grain = rng.choice([1, 2])  # px
        noise = rng.normal(size=(side // grain, side // grain, 3)).repeat(grain, 0).repeat(grain, 1)
        crops[i] += rng.uniform(0.0, 0.2) * noise
    return np.clip(crops, 0.0, 1.0).astype(np.float32)


def crop(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Crops a random square, flipped or rotated; ``[side, side, 3]`` in [0, 1]."""
    height, width = picture.shape[:2]
    cut = int(np.exp(rng.uniform(np.log(SMALLEST), np.log(min(height, width, LARGEST)))))
    top, left = rng.integers(height - cut + 1), rng.integers(width - cut + 1)
    square = Image.fromarray(picture[top : top + cut, left : left + cut])
    pixels = np.asarray(square.resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    turn = rng.random()
    return pixels[::-1] if turn < 0.15 else pixels.transpose(1, 0, 2) if turn < 0.3 else pixels


def recoloured(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes saturation, contrast, channel gains and offsets, and sometimes channel order."""
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + (pixels - grey) * rng.uniform(0.4, 1.7)
    mean = pixels.mean((0, 1))
    pixels = mean + (pixels - mean) * rng.uniform(0.6, 1.6)
    pixels = pixels * rng.uniform(0.7, 1.3, 3) + rng.uniform(-0.15, 0.15, 3)
    return pixels[..., rng.permutation(3)] if rng.random() < 0.2 else pixels
