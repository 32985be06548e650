"""Train the bundled features: VGG19 at a quarter of its width, from photographs that packages ship.

Exemplar classification (Dosovitskiy et al. 2014, "Discriminative unsupervised feature learning
with convolutional neural networks"): every class is one window of one photograph, every sample
that window under a random scale, rotation, shift, flip and change of colour. Asano et al. (ICLR
2020, "A critical analysis of self-supervision") is the precedent for learning early layers from a
handful of images. Photographs come with scikit-image and scikit-learn; folders of more may be added.

The network takes what Keras' VGG19 takes (BGR, 0-255, minus the ImageNet means) and has its layer
names. Batch norm helps it train and is folded into the convolutions when they are written; the
file is rewritten every few hundred steps, so that it can be tried while the training goes on.

The defaults are what the shipped file was trained with: 6,000 steps, 384,000 samples, 62 minutes
on two busy CPU cores (0.29 s a step on idle ones, 29 minutes). The network names the window of a
new random view in 72.1 % of 6,400 cases, among 2,000 windows of which some overlap. The seed fixes
windows and augmentation; the last digits depend on the number of threads, the windows on the files.

    pip install -e '.[train]'
    python scripts/train_features.py --photographs wallpapers nst/assets

`wallpapers` held 53 JPEG files of Debian packages (`apt-get download`, `dpkg -x`): all of
lomiri-wallpapers-16.04, lomiri-wallpapers-20.04 and ukui-wallpapers, the folder nature of
mate-backgrounds, and the sizes 2560x1600 and 5120x2880 of plasma-workspace-wallpapers. `nst/assets`
adds the painted examples.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

BLOCKS = ((16, 2), (32, 2), (64, 4), (128, 4), (128, 4))  # (width, convolutions) of a block
IMAGENET_MEANS_BGR = (103.939, 116.779, 123.68)
SAVE_EVERY = 250  # steps; an epoch, as Keras calls it
LONG_SIDE = 1280  # of photographs from files, px
NOISE = 0.08  # standard deviation at most, of pixel values in [0, 1]
INPUT_SCALE = 64.0  # centred pixels are divided by it while training, the first kernel afterwards
PHOTOGRAPHS: tuple[Callable[[], np.ndarray], ...] = (
    data.astronaut, data.brick, data.camera, data.chelsea, data.coffee, data.coins, data.grass,
    data.gravel, data.hubble_deep_field, data.immunohistochemistry, data.retina, data.rocket,
)  # fmt: skip


def photographs(folders: Sequence[Path]) -> list[np.ndarray]:
    """All photographs, uint8 RGB `[H, W, 3]`; grey ones are repeated over the channels.

    Args:
        folders: More of them, and paintings: every JPEG file below, at most `LONG_SIDE` px.
    """
    images = [load() for load in PHOTOGRAPHS]
    images += [data.stereo_motorcycle()[0], *load_sample_images().images]
    images = [np.stack([image] * 3, -1) if image.ndim == 2 else image[..., :3] for image in images]
    for path in sorted(path for folder in folders for path in folder.rglob("*.jpg")):
        with Image.open(path) as file:
            file.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
            images.append(np.asarray(file.convert("RGB")))
    return images


def exemplars(
    images: Sequence[np.ndarray], count: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Cut `count` windows, one a class, each with a margin that leaves room to move it.

    A window's side runs from 32 px to 0.6 of the photograph's short side (log-uniform); windows
    without contrast are passed over.

    Returns:
        uint8 `[count, 2 * size, 2 * size, 3]`; the window itself is the middle `size` pixels.
    """
    shares = np.array([1.0 if _is_grey(image) else 2.0 for image in images])
    shares /= shares.sum()
    patches: list[np.ndarray] = []
    while len(patches) < count:
        image = images[rng.choice(len(images), p=shares)]
        height, width = image.shape[:2]
        side = int(np.exp(rng.uniform(np.log(32), np.log(0.6 * min(height, width)))))
        top, left = rng.integers(height - side), rng.integers(width - side)
        if image[top : top + side, left : left + side].std((0, 1)).mean() < 0.05 * 255:
            continue
        rows = _mirrored(np.arange(top - side // 2, top + side + side // 2), height)
        columns = _mirrored(np.arange(left - side // 2, left + side + side // 2), width)
        patch = Image.fromarray(image[np.ix_(rows, columns)])
        kernel = Image.Resampling.BOX if side > 2 * size else Image.Resampling.BICUBIC
        patches.append(np.asarray(patch.resize((2 * size, 2 * size), kernel)))
    return np.stack(patches)


def _is_grey(image: np.ndarray) -> bool:
    """Whether all channels are the same."""
    return bool((image == image[..., :1]).all())


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Reflect indices that lie outside `[0, length)` back into it."""
    index = np.abs(index)
    return np.where(index >= length, 2 * (length - 1) - index, index)


def augment(patches: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Move and recolour each patch at random; uint8 in, float32 RGB in [0, 1] out.

    Scale 0.65 to 1.5, rotation ±20°, shift ±15 % of the window, flip; contrast, brightness,
    saturation and the gain of each channel; white noise, which makes the features pass over
    single pixels, so that their gradients paint with less grain.
    """
    count = tf.shape(patches)[0]
    draws = iter(tf.unstack(tf.random.experimental.stateless_split(seed, 10)))

    def uniform(low: float, high: float, *shape: int) -> tf.Tensor:
        return tf.random.stateless_uniform([count, *shape], next(draws), low, high)

    scale = tf.exp(uniform(np.log(0.65), np.log(1.5)))
    angle = uniform(-np.pi / 9, np.pi / 9)
    flip = tf.sign(uniform(-1.0, 1.0))
    shift = uniform(-0.15 * size, 0.15 * size, 2)
    # (a, b; c, d) maps an output pixel to its place in the patch, about the centres of both.
    cosine, sine = scale * tf.cos(angle), scale * tf.sin(angle)
    a, b, c, d = cosine * flip, -sine, sine * flip, cosine
    centre, goal = size - 0.5, (size - 1) / 2
    dx = shift[:, 0] + centre - goal * (a + b)
    dy = shift[:, 1] + centre - goal * (c + d)
    zero = tf.zeros_like(a)
    images = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(patches, tf.float32) / 255.0,
        transforms=tf.stack([a, b, dx, c, d, dy, zero, zero], axis=1),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    grey = tf.reduce_mean(images, -1, keepdims=True)
    images = grey + (images - grey) * uniform(0.6, 1.4, 1, 1, 1)
    mean = tf.reduce_mean(images, [1, 2], keepdims=True)
    images = mean + (images - mean) * uniform(0.6, 1.4, 1, 1, 1)
    images = images * uniform(0.75, 1.25, 1, 1, 3) + uniform(-0.15, 0.15, 1, 1, 1)
    noise = tf.random.stateless_normal(tf.shape(images), next(draws))
    return tf.clip_by_value(images, 0.0, 1.0) + uniform(0.0, NOISE, 1, 1, 1) * noise


def batches(patches: np.ndarray, batch: int, size: int, seed: int) -> tf.data.Dataset:
    """An endless stream of (images `[batch, size, size, 3]`, one-hot classes)."""
    source = tf.constant(patches)
    classes = len(patches)

    def sample(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = tf.random.experimental.stateless_split(tf.stack([tf.cast(seed, tf.int64), step]), 2)
        label = tf.random.stateless_uniform([batch], seeds[0], 0, classes, tf.int32)
        images = augment(tf.gather(source, label), size, seeds[1])
        return images, tf.one_hot(label, classes)

    return tf.data.Dataset.counter().map(sample, num_parallel_calls=2).prefetch(4)


def classifier(classes: int) -> keras.Model:
    """VGG19's convolutions at a quarter of the width, batch norm after each, and a linear head."""
    inputs = x = keras.Input([None, None, 3])
    x = (x[..., ::-1] * 255.0 - np.array(IMAGENET_MEANS_BGR, np.float32)) / INPUT_SCALE
    for block, (width, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(
                width, 3, padding="same", use_bias=False, name=name, kernel_initializer="he_normal"
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
            x = keras.layers.ReLU()(x)
        if block < len(BLOCKS):
            x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2, seed=0)(x)
    return keras.Model(inputs, keras.layers.Dense(classes, name="classes", dtype="float32")(x))


def folded(model: keras.Model) -> dict[str, np.ndarray]:
    """The convolutions with batch norm folded in: `{layer/kernel, layer/bias}` in float16."""
    weights: dict[str, np.ndarray] = {}
    for block, (_, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            norm = model.get_layer(f"{name}_norm")
            gain, shift, mean, variance = (np.asarray(value) for value in norm.get_weights())
            gain = gain / np.sqrt(variance + norm.epsilon)
            kernel = model.get_layer(name).get_weights()[0] * gain
            weights[f"{name}/kernel"] = kernel if weights else kernel / INPUT_SCALE
            weights[f"{name}/bias"] = shift - mean * gain
    return {key: value.astype(np.float16) for key, value in weights.items()}


def save(weights: dict[str, np.ndarray], path: Path) -> None:
    """Write the weights whole or not at all."""
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("wb") as file:
        np.savez_compressed(file, **weights)
    os.replace(beside, path)


def main() -> None:
    """Train, saving the weights now and then and at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("nst/assets/bundled.npz"))
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--classes", type=int, default=2000)
    parser.add_argument("--window", type=int, default=64, help="side of a sample, pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-3, help="peak of the one-cycle rate")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="folders of more")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.steps < 1 or options.steps % SAVE_EVERY:
        parser.error(f"--steps {options.steps}: give a multiple of {SAVE_EVERY}")

    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    rng = np.random.default_rng(options.seed)
    patches = exemplars(photographs(options.photographs), options.classes, options.window, rng)
    stream = batches(patches, options.batch, options.window, options.seed)
    model = classifier(options.classes)
    warmup = options.steps // 5
    rate = keras.optimizers.schedules.CosineDecay(
        options.rate / 25, options.steps - warmup, warmup_target=options.rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics=["accuracy"],
        jit_compile=False,  # oneDNN's convolutions are faster than XLA's on a CPU
    )
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: save(folded(model), options.out)
    )
    epochs = options.steps // SAVE_EVERY
    model.fit(stream, epochs=epochs, steps_per_epoch=SAVE_EVERY, callbacks=[keep], verbose=2)
    fresh = batches(patches, options.batch, options.window, options.seed + 1)
    _, accuracy = model.evaluate(fresh, steps=100, verbose=0)
    print(f"accuracy on fresh samples {accuracy:.3f}, saved to {options.out}")


if __name__ == "__main__":
    main()
