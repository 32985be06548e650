"""Train blocks 3 to 5 of the bundled features further, without an accelerator.

The blocks below stay as they are, so what they make of an image, and what the teacher makes of it,
is computed once for a few steps: on two cores a step then takes half a second, where one of
``train_features.py`` would take many. It asks for feature maps alone. Gram matrices were tried:
those of forty pairs, painted by the student and by its teacher, it learns by heart.

The shipped file took 42 minutes on blocks 4 and 5 (3,250 steps on two cores; block5_conv1 got half
as many channels again), then 43 on blocks 3 to 5 (2,000 steps), then 55 (3,250 steps; block4_conv2
got 64 channels more): on 1,241 of the pictures of ``train_features.py`` and on 111 iterates of
runs, each of which counts twice. A layer gets the channels that ``nst.features.weights`` says and
the file does not have. Explained variance of crops of pictures kept out:

    conv     3_1   3_2   3_3   4_1   4_2   4_3   5_1   5_2   5_3
    before  .740  .671  .589  .605  .519  .397  .473  .416  .206
    first   .740  .671  .589  .629  .556  .413  .572  .464  .229
    second  .751  .672  .596  .640  .575  .423  .596  .474  .242
    third   .754  .671  .595  .647  .618  .428  .623  .487  .244

    pip install 'nst[distil]'
    python scripts/distillation/packing.py --pictures FOLDER
    python scripts/train_deep_layers.py outputs/pack.npz
    python scripts/measure_gains.py outputs/pack.npz
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np
from distillation import pictures
from distillation.deep import DeepLayers, Lesson, Spread, Training, compared, explained, widened
from distillation.exporting import quantised
from distillation.networks import FLOOR
from distillation.packing import HELD_OUT, save, teacher, unpacked
from distillation.training import BATCH, SIDE

from nst.features import vgg, weights
from nst.features.encoder import Encoder

BELOW = "block2_pool"  # the deepest layer that stays as it is
CHUNK, VISITS, TESTED = 800, 5, 96  # crops at a time; times each is seen; crops kept out


def main() -> None:
    """Trains for some minutes; logs progress and writes the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="see distillation/packing.py")
    parser.add_argument("--teacher", choices=["vgg16", "vgg19"], default="vgg16")
    parser.add_argument("--weights", type=Path, help="the teacher's, if Keras has not fetched them")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--out", type=Path, default=weights.ASSETS / "bundled.npz")
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    """Trains until ``options.minutes`` have passed."""
    student = weights.load(weights.locate("bundled"))
    deep = [each for each in student if each.name > BELOW and each.kernel is not None]
    networks = (
        Encoder(student, "avg"),
        Encoder(teacher(options.teacher, options.weights), precision="bfloat16"),
    )
    lesson = partial(taught, networks, [layer.name for layer in deep])
    _, files = unpacked(options.pack)
    test = lesson(next(crops(files[::HELD_OUT], TESTED, 0)))
    draws = crops([f for i, f in enumerate(files) if i % HELD_OUT], CHUNK, options.seed)
    seen = lesson(next(draws))
    spread = {k: _spread(maps) for k, maps in seen.wanted.items()}
    deep = widened(deep, vgg.layer_channels("bundled"))
    training = Training(DeepLayers(deep, spread), DeepLayers(deep, spread), spread)
    print("explained  " + told(explained(training.average, spread, test)), flush=True)

    rng = np.random.default_rng(options.seed)
    began, made, lost = time.monotonic(), 0, 0.0
    while (progress := (time.monotonic() - began) / 60 / options.minutes) < 1:
        for _ in range(VISITS * CHUNK // BATCH):
            progress = (time.monotonic() - began) / 60 / options.minutes
            training.rate.assign(options.rate * max(0.0, min(1.0, 50 * progress, 1 - progress)))
            chosen = np.sort(rng.choice(CHUNK, BATCH, replace=False))
            lost = training.step(seen.rows(chosen))
            made += 1
        shares = told(explained(training.average, spread, test))
        print(
            f"step {made}  {progress * options.minutes:.0f} min  {lost:.2f}  {shares}", flush=True
        )
        write(training.average, spread, options.out)
        seen = lesson(next(draws))


def taught(networks: tuple[Encoder, Encoder], deep: Sequence[str], images: np.ndarray) -> Lesson:
    """Computes what stays as it is: the student's maps below, and the teacher's deep ones."""
    belows, wanted = [], []
    for image in images:
        maps = compared(networks[1](image[None], deep))
        belows.append(np.float16(networks[0](image[None], [BELOW])[BELOW]))
        wanted.append({k: np.float16(f) for k, f in maps.items()})
    return Lesson(np.concatenate(belows), {k: np.concatenate([w[k] for w in wanted]) for k in deep})


def crops(files: Sequence[bytes], count: int, seed: int) -> Iterator[np.ndarray]:
    """Draws crops of pictures, ``count`` at a time."""
    draw = jax.jit(pictures.batch, static_argnums=(1, 2))
    source = pictures.loaded(files)
    for key in map(jax.random.key, itertools.count(1000 * seed)):
        keys = jax.random.split(key, count // BATCH)
        yield np.concatenate([np.asarray(draw(source, BATCH, SIDE, k)) for k in keys])


def told(shares: Mapping[str, float]) -> str:
    """Returns a line of progress."""
    return "  ".join(f"{k[5]}_{k[-1]} {share:.3f}" for k, share in shares.items())


def write(layers: DeepLayers, spread: Spread, path: Path) -> None:
    """Writes the layers into the file of the weights."""
    with np.load(weights.ASSETS / "bundled.npz") as file:
        arrays = dict(file)
    for k, kernel in layers.kernels.items():
        arrays |= quantised(f"{k}/kernel", kernel.numpy())
        arrays |= quantised(f"{k}/lift", layers.lifts[k].numpy() * spread[k])
        arrays[f"{k}/bias"] = layers.biases[k].numpy().astype(np.float16)
    save(arrays, path)


def _spread(maps: np.ndarray) -> np.ndarray:
    deviations = maps[::9].astype(np.float32).std((0, 1, 2))
    return np.maximum(deviations, FLOOR * np.sqrt((deviations**2).mean()))


if __name__ == "__main__":
    main()
