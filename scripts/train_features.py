"""Distil the bundled features: a narrow VGG learns to imitate a trained one.

Every layer of the student learns to predict the teacher's layer of the same name through a linear
map from its channels to the teacher's (a 1 x 1 convolution, "lift"), exported with the filters. The
idea is Wang et al.'s ("Collaborative Distillation for Ultra-Resolution Universal Style Transfer",
CVPR 2020). The student has VGG16's convolutions, fewer and wider than VGG19's at the same cost, so
that its receptive fields equal its teacher's at every layer, and starts from the teacher's own
filters (see ``networks.pruned``), or from a file (``--start``). Of VGG19 as a teacher it lacks the
fourth convolutions, so that there its receptive fields are smaller from block 4 on.

Each batch holds crops of photographs, paintings and prints, and style transfers that run along with
the training: iterates, because these are the images that the student will have to evaluate, each
with its content and style image. Three distances are minimised together:

- of feature maps: mean squared errors, each of the teacher's channels in units of its standard
  deviation;
- of what still separates an iterate's Gram matrices from its style's, since the student would
  otherwise believe to have arrived where its teacher sees a long way to go
  (``iterates.misjudged``);
- of gradients, which are what a picture is painted by: one minus the cosine between the gradients
  of a style or content distance on both networks (``iterates.disagreement``).

It is written in JAX, for an accelerator; on a CPU compiling a step alone takes minutes. First pack
the teacher and the pictures; only this and the last command need TensorFlow. Then train:

    pip install 'nst[distil]'
    python scripts/distillation/packing.py --pictures FOLDER --quality 62
    export XLA_FLAGS=--xla_gpu_enable_triton_gemm=false  # a GPU's compiler (jax 0.11) dies without
    python scripts/train_features.py outputs/pack.npz --minutes 3 --gradients 0
    python scripts/train_features.py outputs/pack.npz --minutes 12 --start nst/assets/bundled.npz
    python scripts/measure_gains.py outputs/pack.npz

The averaged weights in ``--out`` are written twice a minute; a training that broke off goes on from
them. The learning rate follows the clock and falls to zero.

The shipped file was made by this script as of commit 3c5ef64 on one NVIDIA H200: 11,420 steps, and
some 4,500 more with gradients, 7.4 minutes in all. It compared the Gram matrices of every image
instead, relative to their size, and knew no prints. Its 1,617 pictures, and 180 kept out, are those
of the Debian packages gnome-backgrounds, mate-backgrounds, plasma-workspace-wallpapers,
lomiri-wallpapers-16.04, lomiri-wallpapers-20.04, ukui-wallpapers, tuxpaint-stamps-default,
gcompris-qt-data (pictures cut out of its .rcc files), krita-data, mypaint-data-extras and
wesnoth-1.16-data, -httt, -nr and -utbs. Explained variance on crops of those kept out, at the
start, after the first part and at the end; the second part gives some of it away, and its pictures
are the better ones:

    conv      1_1   1_2   2_1   2_2   3_1   3_2   3_3   4_1   4_2   4_3   5_1   5_2   5_3
    start    .957  .848  .698  .543  .526  .445  .359  .287  .150  .000 -.218 -.591 -1.98
    first    .963  .908  .812  .702  .749  .689  .613  .641  .546  .433  .510  .446  .246
    second   .963  .905  .808  .696  .740  .671  .594  .615  .514  .404  .473  .409  .223

The present loss, on it for 2.7 minutes more with 420 prints of openclipart-png in the place of
other pictures, brought 4_1 to .634, 4_2 to .533 and 5_1 to .471 on other crops, where they began at
.615, .504 and .458, and the misjudged part of Gram matrices, summed over layers, from 1.4 to 1.0.
``train_deep_layers.py`` came last and says itself what it took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from distillation import pictures
from distillation.exporting import exported
from distillation.networks import Features
from distillation.packing import HELD_OUT, save, unpacked
from distillation.training import BATCH, SIDE, explained, started, step

WARMUP = 0.02  # share of the training in which the rate rises
EVERY, SYNCHRONISED = 0.5, 20  # minutes between reports, steps between looks at the clock


def main() -> None:
    """Trains for some minutes; logs progress and writes the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="teacher and pictures, see distillation/packing.py")
    parser.add_argument("--minutes", type=float, default=60.0, help="compilation is not counted")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path, help="weights to go on from, as in --out")
    parser.add_argument("--gradients", type=float, default=1.0, help="weight of their match")
    parser.add_argument("--out", type=Path, default=Path("nst/assets/bundled.npz"))
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    """Trains until ``options.minutes`` have passed."""
    arrays, files = unpacked(options.pack)
    kept_out = pictures.loaded(files[::HELD_OUT])
    seen = pictures.loaded([file for i, file in enumerate(files) if i % HELD_OUT])
    print(f"{len(seen.sizes)} pictures, {len(kept_out.sizes)} kept out", flush=True)
    test = pictures.batch(kept_out, 2 * BATCH, SIDE, jax.random.key(options.seed))
    teaching, training = started(arrays, seen, options.seed, options.start)
    made = 0
    print(report(made, 0.0, explained(training.average, teaching, test)), flush=True)

    clock = Clock(options.minutes)
    distances: list[dict[str, jax.Array]] = []
    while not clock.over:
        pace = rate(clock.progress, options.rate)
        training, latest = step(training, teaching, np.float32(pace), np.float32(options.gradients))
        made += 1
        distances.append(latest)
        if made % SYNCHRONISED == 0 or clock.minutes == 0:
            jax.block_until_ready(latest)  # else the clock would run ahead of the accelerator
            clock.tick()
        if clock.strikes(EVERY):
            shares = explained(training.average, teaching, test)
            print(report(made, clock.minutes, shares, distances), flush=True)
            distances.clear()
            save(exported(training.average, teaching.spread), options.out)


def rate(progress: float, peak: float) -> float:
    """Returns the learning rate: it rises for a moment, then falls to zero at the end."""
    return peak * max(0.0, min(progress / WARMUP, 1 - progress))


class Clock:
    """Minutes of training, without the compilation of the first step.

    Args:
        limit: Minutes until the training is over.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._began: float | None = None
        self._struck = 0.0
        self.minutes = 0.0

    @property
    def progress(self) -> float:
        """Returns the share of the training that has passed."""
        return min(1.0, self.minutes / self._limit)

    @property
    def over(self) -> bool:
        """Tells whether the time is over."""
        return self.minutes >= self._limit

    def tick(self) -> None:
        """Reads the time; the first call begins the count."""
        now = time.monotonic() / 60
        self._began = now - 1e-6 if self._began is None else self._began
        self.minutes = now - self._began

    def strikes(self, every: float) -> bool:
        """Tells whether another so many minutes have passed, or all."""
        due = self.over or self.minutes >= self._struck + every
        self._struck = self.minutes if due else self._struck
        return due


def report(
    made: int, minutes: float, shares: Features, distances: Sequence[dict[str, jax.Array]] = ()
) -> str:
    """Returns lines of progress: distances in training, variance explained on other pictures."""
    told = "  ".join(f"{k[5]}_{k[-1]} {float(v):.3f}" for k, v in shares.items())
    means = {k: np.mean([float(d[k]) for d in distances]) for k in (distances or [{}])[0]}
    lost = "  ".join(f"{k} {v:.3f}" for k, v in means.items())
    return f"step {made}  {minutes:.1f} min  {lost}\n    explained  {told}"


if __name__ == "__main__":
    main()
