"""How much memory a run will take, before any of it. Free of TensorFlow.

What fills the memory of a large run are images: the iterate, its gradient, what the optimizer keeps
of earlier steps, and the feature maps of one evaluation. Their number is known in advance; the
factors here were measured on a processor, with the bundled network and VGG16.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nst.errors import InputError
from nst.features.vgg import layer_channels

BASE = 0.86e9  # Python and TensorFlow, bytes
FILTER = 40  # bytes of a weight of a filter: in the file, and transformed for both directions
IMAGE = 12  # bytes of a pixel: three channels of float32
GRAPH = 1.9  # memory of an evaluation over that of the feature maps of one forward pass
HALO = 64  # px, of the deepest of the usual layers
SMALLEST, LARGEST = 256, 4096  # tiles that are chosen automatically, px
SHARE = 0.9  # of the free memory that a run may take
FEWEST_PAIRS = 2  # of L-BFGS, however large the image: with fewer there is little left of it


@dataclass(frozen=True)
class Plan:
    """What the memory of a run depends on.

    Attributes:
        height: Of the canvas at the finest scale, px.
        width: Likewise.
        network: Name of the network.
        layers: Every layer that a term uses.
        content_layers: Those whose feature maps are kept as a target.
        pairs: Curvature pairs that L-BFGS keeps at that size; None for another optimizer.
        sources: Pixels of all source images together, as decoded.
        tile: Longest side of a tile, px; None for the whole image.
    """

    height: int
    width: int
    network: str
    layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    pairs: int | None
    sources: int
    tile: int | None = None

    @property
    def memory(self) -> float:
        """Peak memory, bytes."""
        pixels = self.height * self.width
        image = IMAGE * pixels
        kept = 5 if self.pairs is None else 2 * self.pairs + 2  # images between two steps
        step = 7 * image + max(3 * image, self.evaluation)
        return (
            BASE
            + FILTER * weights(self.network, self.layers)
            + IMAGE * self.sources
            + 4 * pixels * floats(self.network, self.content_layers)
            + kept * image
            + step
        )

    @property
    def evaluation(self) -> float:
        """Memory of one evaluation beside its image and gradient, bytes."""
        depth = 4 * GRAPH * floats(self.network, up_to(self.network, self.layers))
        return depth * self._extent(self.height) * self._extent(self.width)

    def _extent(self, length: int) -> int:
        """Returns how far the largest tile reaches with its halo, px, along a side of the image."""
        count = 1 if self.tile is None else -(-length // self.tile)
        return min(length, -(-length // count) + HALO * min(2, count - 1))

    def tiled(self, available: float) -> Plan:
        """Chooses no tiles if memory suffices, else the largest that fit, or the smallest."""
        if self.memory <= available:
            return self
        sides = (side for side in range(LARGEST, SMALLEST, -SMALLEST))
        tried = (replace(self, tile=side) for side in sides if side < max(self.height, self.width))
        fitting = (plan for plan in tried if plan.memory <= available)
        return next(fitting, replace(self, tile=SMALLEST))


def check(plan: Plan, limit: float, size: int, there: str = "there are") -> None:
    """Checks that a machine has the memory that a run takes.

    Args:
        plan: The plan.
        limit: Memory that the machine, or its container, has, bytes.
        size: Long side of the picture, px.
        there: What sets the limit, in words.

    Raises:
        InputError: It has not; the message names the largest size that fits.
    """
    if plan.memory <= limit:
        return
    raise InputError(
        f"size={size} takes about {plan.memory / 1e9:.3g} GB of memory, and {there} "
        f"{limit / 1e9:.3g}: {_instead(plan, limit, size)}"
    )


def _instead(plan: Plan, limit: float, size: int) -> str:
    smallest = replace(plan, tile=SMALLEST)
    if smallest.memory <= limit:
        fitting = f"runtime.tile={plan.tiled(limit).tile} (or auto) fits"
        return f"{fitting}, where all terms are sums over positions; otherwise a smaller size="
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        share = middle / size
        part = replace(smallest, height=round(plan.height * share), width=round(plan.width * share))
        low, high = (middle, high) if part.memory <= limit else (low, middle)
    if low < 16:
        return "no size fits, nst alone takes most of that; allow it more memory"
    return f"size={low // 16 * 16} is the largest that fits"


def up_to(network: str, layers: Iterable[str]) -> list[str]:
    """Returns all layers of a network up to the deepest of some."""
    names, wanted = list(layer_channels(network)), set(layers)
    return names[: max((i + 1 for i, name in enumerate(names) if name in wanted), default=0)]


def weights(network: str, layers: Iterable[str]) -> int:
    """Returns how many weights the filters have that some layers need."""
    widths = layer_channels(network)
    used = [widths[k] for k in up_to(network, layers) if not k.endswith("pool")]
    return sum(9 * before * after for before, after in itertools.pairwise([3, *used]))


def floats(network: str, layers: Iterable[str]) -> float:
    """Returns the size of the feature maps of some layers, numbers per pixel of the image."""
    wanted, share, total = set(layers), 1.0, 0.0
    for name, channels in layer_channels(network).items():
        if name.endswith("pool"):
            share /= 4
        if name in wanted:
            total += channels * share
    return total


def pairs_kept(most: int, memory: float, image_bytes: int) -> int:
    """Returns how many pairs are kept of images of this size: ``most``, or what memory allows."""
    fitting = memory / max(1, 2 * image_bytes)
    return most if fitting >= most else min(most, max(FEWEST_PAIRS, int(fitting)))
