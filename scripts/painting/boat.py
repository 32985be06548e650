"""Wooden boats: a planked hull, and with a mast also spars, stays, a furled sail, a cabin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from painting.fields import Array
from painting.marcher import Paint, Part
from painting.solids import Distance, Grain, box, capsule, column, union

GRAIN = Grain(3)
WOOD = (0.40, 0.25, 0.12)
CANVAS = (0.80, 0.70, 0.52)
RAIL = (0.72, 0.66, 0.52)
STAY = 0.03  # radius of a rope


def plain(colour: Sequence[float], grain: float = 0.12, scale: float = 1.5) -> Paint:
    """One colour, a little uneven."""
    return lambda p, n: column(colour) * (1 + grain * GRAIN(p * scale))


@dataclass(frozen=True)
class Boat:
    """A boat afloat at (x, z), ``2 * half`` metres long, turned by ``turn`` radians.

    A rowing boat has a ``mast`` of height 0.
    """

    x: float
    z: float
    turn: float
    half: float
    colour: tuple[float, float, float]
    mast: float = 0.0

    @property
    def beam(self) -> float:
        """Half the width."""
        return 0.30 * self.half

    @property
    def rise(self) -> float:
        """Height of the side above the water, amidships."""
        return 0.21 * self.half

    def parts(self) -> list[Part]:
        """All that the boat consists of."""
        hull = self._placed(self._hull, self._hull_paint, 2 * self.rise)
        return [hull, *(self._rig() if self.mast else self._oars())]

    def _local(self, p: Array) -> Array:
        """Along the keel, above the water, across."""
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        x, z = p[0] - self.x, p[2] - self.z
        return np.stack([c * x - s * z, p[1], s * x + c * z])

    def _placed(self, shape: Distance, paint: Paint, top: float) -> Part:
        low = (self.x - self.half, -0.4, self.z - self.half)
        high = (self.x + self.half, top, self.z + self.half)
        return Part(lambda p: shape(self._local(p)), paint, low, high)

    def _sheer(self, q: Array) -> Array:
        """Height of the rail: it rises towards bow and stern."""
        return self.rise * (1 + 0.55 * (q[0] / self.half) ** 2)

    def _hull(self, q: Array) -> Array:
        sheer = self._sheer(q)
        narrow = self.beam * np.sqrt(np.clip(1 - (q[0] / self.half) ** 4, 0.01, 1))
        draught = np.maximum(0, sheer - q[1]) / (2.6 * self.rise)
        # scaled by the local width, so that a step never jumps through the bow
        side = (np.hypot(q[2] / narrow, draught) - 1) * narrow * 0.8
        outer = np.maximum(np.maximum(side, np.abs(q[0]) - self.half), q[1] - sheer)
        planking, depth = 0.09 * self.half**0.5, 0.28 * self.half**0.5
        inner = np.maximum(side + planking, sheer - depth - q[1])
        return np.maximum(outer, -inner) * 0.7

    def _hull_paint(self, p: Array, n: Array) -> Array:
        q = self._local(p)
        seam = np.abs(np.mod(q[1] * 4, 1) - 0.5) > 0.42
        outside = column(self.colour) * (1 - 0.25 * seam) * (1 + 0.12 * GRAIN(p * 2))
        rail = (self._sheer(q) - q[1] < 0.16 * self.rise) & (n[1] < 0.8)
        outside = np.where(rail, column(RAIL), outside)
        deck = column((0.36, 0.22, 0.11)) * (1 + 0.25 * GRAIN(q * 3))
        return np.where(n[1] > 0.5, deck, outside)

    def _oars(self) -> list[Part]:
        half, rise = self.half, self.rise
        bench = box((0.1 * half, rise * 0.85, 0), (0.16, 0.05, self.beam * 0.8))
        oar = capsule((-0.8 * half, rise * 1.15, 0.3), (0.7 * half, rise * 1.15, -0.3), 0.05)
        return [self._placed(union(bench, oar), plain((0.42, 0.29, 0.15)), 2 * rise)]

    def _rig(self) -> list[Part]:
        half, rise, foot = self.half, self.rise, 0.12 * self.half
        head, shroud, side = self.mast * 0.98, self.mast * 0.80, self.beam * 0.9
        spars = union(
            capsule((foot, 0.3, 0), (foot, self.mast, 0), 0.105),
            capsule((foot, rise + 1.3, 0), (-0.85 * half, rise + 1.5, 0), 0.07),
            capsule((foot, head, 0), (0.98 * half, 1.5 * rise, 0), STAY),
            capsule((foot, head, 0), (-0.98 * half, 1.5 * rise, 0), STAY),
            capsule((foot, shroud, 0), (foot - 0.3, rise, side), STAY),
            capsule((foot, shroud, 0), (foot - 0.3, rise, -side), STAY),
        )
        sail = capsule((foot - 0.2, rise + 1.52, 0), (-0.8 * half, rise + 1.66, 0), 0.20)
        cabin = box((-0.3 * half, rise + 0.45, 0), (0.26 * half, 0.55, self.beam * 0.55), 0.08)
        return [
            self._placed(spars, plain(WOOD), self.mast + 0.2),
            self._placed(sail, plain(CANVAS, 0.15, 4), rise + 2),
            self._placed(cabin, self._cabin_paint, rise + 1.1),
        ]

    def _cabin_paint(self, p: Array, n: Array) -> Array:
        q = self._local(p)
        port = (np.abs(np.mod(q[0], 0.8) - 0.4) < 0.22) & (np.abs(q[1] - self.rise - 0.62) < 0.17)
        roof = column((0.46, 0.16, 0.08)) * (1 + 0.2 * GRAIN(p * 3))
        wall = np.where(port, column((0.05, 0.07, 0.09)), column((0.70, 0.66, 0.56)))
        return np.where(n[1] > 0.5, roof, wall)
