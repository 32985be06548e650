"""The range of every value by itself. Free of TensorFlow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from nst.config.names import listed
from nst.errors import did_you_mean
from nst.features.vgg import CONVOLUTIONS
from nst.images.picture import LONGEST_SIDE, SHORTEST_SIDE
from nst.images.recolour import METHODS, SPACES

LONG_SIDE = (SHORTEST_SIDE, LONGEST_SIDE)  # of the result, px
MOST = 10**9  # of anything that is counted, such as steps
COLOR_MODES = ("none", "luminance", "match", "match_after")

Check = Callable[[Any], str | None]  # returns what a value must be, or None if it is valid


def between(low: float, high: float) -> Check:
    """Returns a check for a number from low to high, inclusive."""
    return lambda x: None if low <= x <= high else f"a number from {low:.10g} to {high:.10g}"


def above(low: float) -> Check:
    """Returns a check for a finite number greater than low."""
    return lambda x: None if low < x < math.inf else f"a number above {low:g}"


def at_least(low: float) -> Check:
    """Returns a check for a finite number of at least low; a whole one counts something."""

    def check(x: Any) -> str | None:
        if isinstance(x, int) and x > MOST:
            return f"a number from {low:g} to {MOST}"
        return None if low <= x < math.inf else f"a number of {low:g} or more"

    return check


def each(test: Check) -> Check:
    """Returns a check for a value, or every item of a list of them."""
    return lambda x: next(filter(None, map(test, listed(x))), None)


def one_of(*names: str) -> Check:
    """Returns a check for one of a few names."""
    return lambda x: (
        None if x in names else f"one of {', '.join(names)}.{did_you_mean(str(x), names)}"
    )


def long_side(size: int | str) -> str | None:
    """Checks a long side: px, ``content`` for the content image's, or a percentage of it."""
    if isinstance(size, str):
        share = re.fullmatch(r"content|(\d+(?:\.\d+)?)%", size)
        right = share is not None and (share[1] is None or float(share[1]) > 0)
    else:
        right = between(*LONG_SIDE)(size) is None
    low, high = LONG_SIDE
    words = f"a whole number from {low} to {high}, content, or a percentage such as 50%"
    return None if right else words


def file_name(name: str) -> str | None:
    """Checks a file name without folder and extension."""
    if re.search(r"\.(png|jpe?g|webp|tiff?)$", name, re.IGNORECASE):
        return "a name without an extension: output.format adds it"
    if not name or name.startswith(".") or re.search(r"[/\\\0\n]", name) or len(name) > 100:
        return "a file name without a folder: hydra.run.dir sets the folder"
    return None


def given(name: object) -> str | None:
    """Checks a path: an empty one would mean the current folder."""
    return None if str(name).strip() else "a path, or null"


def files_or_colours(regions: Any) -> str | None:
    """Checks the regions of the styles: a file, or a list of files and colours."""
    entries = [regions] if isinstance(regions, str) else regions
    right = isinstance(entries, Sequence) and all(
        isinstance(part, str | int) and given(part) is None
        for entry in entries
        for part in ([entry] if isinstance(entry, str | int) else entry)
    )
    words = "a region picture, or a list with a region picture or a colour for each style"
    return None if right and len(entries) else words


CHECKS: dict[str, Check] = {
    "alpha": at_least(0),
    "beta": at_least(0),
    "size": long_side,
    "margin": between(0, 256),
    "steps": at_least(1),
    "seed": between(0, 2**32 - 1),
    "style.scale": each(between(0.1, 4)),
    "color.mode": one_of(*COLOR_MODES),
    "color.method": one_of(*METHODS),
    "color.space": one_of(*SPACES),
    "regions.erode": between(0, 1),
    "init.base": one_of("content", "style", "file"),
    "init.noise": between(0, 1),
    "init.detail": between(0, 1),
    "init.grain": at_least(0),
    "network.name": one_of("auto", *CONVOLUTIONS, "keras"),
    "network.timeout": above(0),
    "network.pooling": one_of("max", "avg"),
    "network.padding": one_of("zeros", "replicate"),
    "optimizer.learning_rate": above(0),
    "optimizer.average": lambda x: None if 0 <= x < 1 else "a number from 0 to below 1",
    "optimizer.levels": between(1, 10),
    "optimizer.growth": above(0),
    "optimizer.final_rate": between(0, 1),
    "optimizer.history": at_least(1),
    "optimizer.memory": above(0),
    "optimizer.max_evaluations": at_least(1),
    "pyramid.min_size": at_least(16),
    "pyramid.factor": above(1),
    "pyramid.exponent": between(-4, 4),
    "evaluation.network": one_of("bundled", "vgg16", "vgg19"),
    "output.format": one_of("png", "jpg", "webp", "tiff"),
    "output.quality": between(1, 100),
    "output.bits": lambda x: None if x in (8, 16) else "8 or 16",
    "output.profile": one_of("srgb", "content"),
    "runtime.precision": one_of("auto", "float32", "bfloat16", "float16"),
    "runtime.threads": between(1, 1024),
    "runtime.gradient_every": at_least(1),
    "runtime.tile": lambda x: (
        None if x == "auto" or (isinstance(x, int) and x >= 64) else "auto, null, or 64 px or more"
    ),
    "search.sampler": one_of("tpe", "nsga2", "random", "grid"),
    "search.n_trials": at_least(1),
    "search.timeout": above(0),
    "search.batch": at_least(1),
    "search.pruner": one_of("median", "halving"),
    "search.seed": between(0, 2**32 - 1),
}
NODE_CHECKS: dict[str, Check] = {  # for terms and observers, by the last part of the key
    "weight": at_least(0),
    "scale": above(0),
    "shifts": each(at_least(1)),
    "cell": at_least(1),
    "positions": at_least(1),
    "style_positions": at_least(1),
    "bandwidth": above(0),
    "patch": lambda x: None if x >= 1 and x % 2 == 1 else "an odd number of 1 or more",
    "pool": at_least(1),
    "orders": between(2, 10),
    "directions": at_least(1),
    "samples": at_least(1),
    "every": at_least(1),
    "scalars_every": at_least(1),
    "images_every": at_least(1),
    "seconds": above(0),
    "frames": between(2, 1000),
    "size": between(16, 4096),
}
