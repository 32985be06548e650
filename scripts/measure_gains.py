"""Measure how much smaller the bundled network's distances are than its teacher's.

A student predicts its teacher's channels by least squares, so its predictions vary less than what
they predict, the less the deeper the layer. Its distances come out too small there, and alpha would
mean something else than on the teacher. One number per layer, the gain, makes up for it. Pictures
are painted with the student; at each, distances from content and style are measured on both
networks. A gain scales content distances by its square and Gram distances by its fourth power, and
both ratios cannot be met by one number. The first layer of each block, where styles are usually
compared, gets the gain of its Gram distances, the others that of their content distances.

Two gains are raised by a factor. What a student does not predict is not held in place, so contents
came out further from the photograph than the teacher leaves them; and of the layers of the style,
block2_conv1 was met least. Both factors were chosen by the teacher's distances, the first on ten
pairs, the second on four.

    python scripts/measure_gains.py outputs/pack.npz

with the pack that the student was trained on (``distillation/packing.py``) writes the gains into
the file of the weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from distillation.packing import HELD_OUT, decoded, save, teacher, unpacked

import nst
from nst.canvas import batch
from nst.features import vgg, weights
from nst.features.encoder import Encoder
from nst.features.normalisation import floored, mean_activations, normalised
from nst.images import Pixels, fit, resize
from nst.losses import content_distance, gram_distance, gram_matrix, gram_sums

LAYERS = [name for name in vgg.layer_channels("bundled") if "conv" in name]
SIZE, STEPS, PAIRS = 384, 200, 8  # px, steps of a picture, pictures
RAISED = {"block4_conv2": 1.32, "block2_conv1": 1.08}  # times what is measured
DEEPEST = "block5_conv2"  # block5_conv3 predicts next to nothing: it gets the gain of this layer


def main() -> None:
    """Measures, prints a table and writes the gains."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="see distillation/packing.py")
    parser.add_argument("--teacher", choices=["vgg16", "vgg19"], default="vgg16")
    parser.add_argument("--weights", type=Path, help="the teacher's, if Keras has not fetched them")
    options = parser.parse_args()

    source = weights.locate("bundled")
    student = weights.load(source)
    networks = [
        Predicting(Encoder(teacher(options.teacher, options.weights), "avg"), {}),
        Predicting(Encoder(student, "avg"), {layer.name: layer.lift for layer in student}),
    ]
    _, files = unpacked(options.pack)
    kept_out = [decoded(file) for file in files[::HELD_OUT]]
    chosen = np.random.default_rng(0).permutation(len(kept_out))[: 2 * PAIRS]
    ratios = []
    for a, b in chosen.reshape(PAIRS, 2):
        content, style = (resize(kept_out[i] / np.float32(255), _size(kept_out[i])) for i in (a, b))
        ratios.append(_ratios(networks, content, style))
        print(".", end="", flush=True)
    gains = _gains(np.exp(np.mean(np.log(ratios), 0)))
    with np.load(source.path) as arrays:
        save({**arrays, **{f"{k}/gain": np.float16(v) for k, v in gains.items()}}, source.path)


class Predicting(NamedTuple):
    """A network, and by layer the lifts that predict its teacher's feature maps, if it has one."""

    encoder: Encoder
    lifts: Mapping[str, np.ndarray | None]

    def __call__(self, image: tf.Tensor, layer: str) -> tf.Tensor:
        """Returns the feature map, or the prediction."""
        maps, lift = self.encoder(image, [layer])[layer], self.lifts.get(layer)
        return maps if lift is None else maps @ lift


def _ratios(networks: Sequence[Predicting], content: Pixels, style: Pixels) -> np.ndarray:
    """Returns the teacher's distances over the student's, ``[layers, 2]``: content and Gram."""
    picture = nst.stylize(
        content, style, overrides=["network=bundled", f"size={SIZE}", f"steps={STEPS}"]
    )
    painted = resize(np.asarray(picture, np.float32) / 255, content.shape[:2])
    teacher, student = (_distances(n, content, style, painted) for n in networks)
    return teacher / student


def _distances(network: Predicting, *images: Pixels) -> np.ndarray:
    rows = []
    for layer in LAYERS:
        maps = [network(batch(image), layer) for image in images]
        norm = floored(mean_activations(maps[:2], (1.0, 1.0)))  # of content and style
        kept, wanted, painted = (normalised(f, norm) for f in maps)
        grams = [gram_matrix(gram_sums(f)) for f in (kept, wanted, painted)]
        # At the start and at the end of a run: the geometric mean of both.
        ends = [gram_distance(grams[i], grams[1]) for i in (0, 2)]
        rows.append([content_distance(painted, kept), tf.sqrt(ends[0] * ends[1])])
    return np.array(rows, np.float64)


def _gains(ratios: np.ndarray) -> dict[str, float]:
    gains = {}
    for layer, (content, gram) in zip(LAYERS, ratios, strict=True):
        measured = float(gram**0.25 if layer.endswith("conv1") else content**0.5)
        gains[layer] = measured * RAISED.get(layer, 1.0)
    gains[LAYERS[-1]] = gains[DEEPEST]
    print()
    for layer, (content, gram) in zip(LAYERS, ratios, strict=True):
        print(f"{layer}  content {content:6.2f}  Gram {gram:6.2f}  gain {gains[layer]:.3f}")
    return gains


def _size(picture: np.ndarray) -> tuple[int, int]:
    return fit(picture.shape[:2], SIZE)


if __name__ == "__main__":
    main()
