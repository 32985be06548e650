"""Gabled houses with tiles, timber, shutters and lit windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from painting.fields import Array, smoothstep
from painting.marcher import Part
from painting.solids import Grain, column

GRAIN = Grain(3)
BAY, STOREY = 2.05, 2.75  # metres from window to window and from floor to floor
WINDOW, FRAME, SHUTTER = 0.40, 0.50, 0.86  # half widths


@dataclass(frozen=True)
class House:
    """A gabled house; ``turn`` 0 shows its gable to the water, 1 its eaves."""

    x: float
    z: float
    base: float
    half_width: float
    half_depth: float
    eaves: float
    pitch: float
    turn: int
    plaster: tuple[float, float, float]
    tiles: tuple[float, float, float]
    timbered: bool
    lamp: float

    @property
    def ridge(self) -> float:
        """Height of the ridge above the base."""
        return self.eaves + self.half_width * self.pitch

    def local(self, p: Array) -> tuple[Array, Array, Array]:
        """Coordinates across the ridge, above the base, along the ridge."""
        x, y, z = p[0] - self.x, p[1] - self.base, p[2] - self.z
        return (z, y, x) if self.turn else (x, y, z)

    def above_roof(self, across: Array, height: Array) -> Array:
        """Signed distance to the two roof planes."""
        return (np.abs(across) * self.pitch + height - self.ridge) / np.hypot(1, self.pitch)

    def distance(self, p: Array) -> Array:
        """Signed distance to walls, roof and chimney."""
        across, height, along = self.local(p)
        roof = self.above_roof(across, height)
        aside, astern = np.abs(across) - self.half_width, np.abs(along) - self.half_depth
        walls = np.maximum(np.maximum(aside, astern), roof)
        tiles = np.maximum(np.abs(roof - 0.05) - 0.14, np.maximum(aside, astern) - 0.38)
        stack = np.maximum(np.abs(across - 0.4 * self.half_width) - 0.38,
                           np.abs(along - 0.3 * self.half_depth) - 0.38)  # fmt: skip
        chimney = np.maximum(stack, height - self.ridge - 0.9)
        return np.minimum(np.minimum(walls, tiles), np.maximum(chimney, -height))

    def part(self) -> Part:
        """The house with the box around it."""
        reach = max(self.half_width, self.half_depth) + 0.5
        low = (self.x - reach, self.base, self.z - reach)
        high = (self.x + reach, self.base + self.ridge + 1, self.z + reach)
        return Part(self.distance, self.paint, low, high)

    def paint(self, p: Array, n: Array) -> Array:
        """Tiles on the roof; plaster, timber, windows and doors on the walls."""
        across, height, along = self.local(p)
        local_n = n[::-1] if self.turn else n
        gable_side = np.abs(local_n[2]) > np.abs(local_n[0])
        on_wall = np.where(gable_side, across, along)
        half = np.where(gable_side, self.half_width, self.half_depth)
        wall = self._wall(on_wall, height, half, p)
        rows = np.sin(self.above_roof(0 * across, height) * 17) * 0.10
        worn = 1 + 0.28 * GRAIN(p * 1.7) + rows + 0.08 * np.sin(along * 13)
        tiles = column(self.tiles) * worn
        return np.where(self.above_roof(across, height) > -0.1, tiles, wall)

    def _wall(self, u: Array, height: Array, half: Array, p: Array) -> Array:
        colour = column(self.plaster) * (1 + 0.10 * GRAIN(p * 0.9, 4))
        colour = colour * (0.80 + 0.20 * smoothstep(0.0, 1.6, height))  # splashed at the foot
        columns = np.maximum(np.round(2 * half / BAY - 0.3), 1)
        cell = 2 * half / columns
        du = np.abs(np.mod(u + half, cell) - cell / 2)
        level = np.floor(height / STOREY)
        dv = np.mod(height, STOREY) - 1.55
        if self.timbered:
            beam = (np.abs(np.mod(u + half, cell / 2)) < 0.13) | (np.abs(dv + 1.5) < 0.16)
            brace = np.abs(np.mod(u + half, cell) - np.mod(height, STOREY) * 0.5) < 0.10
            dark = (beam | brace) & (height > STOREY)
            colour = np.where(dark, column((0.10, 0.055, 0.035)), colour)
        fits = self.above_roof(np.abs(u) + 0.45, height + 0.9) < 0
        shutter = (du < SHUTTER) & (np.abs(dv) < 0.70) & fits & (level > 0)
        colour = np.where(shutter, column(self.tiles) * 0.5 + column((0.02, 0.10, 0.09)), colour)
        frame = (du < FRAME) & (np.abs(dv) < 0.74) & fits
        colour = np.where(frame, column((0.80, 0.77, 0.70)), colour)
        bars = (du < 0.035) | (np.abs(dv - 0.12) < 0.035)
        glass = (du < WINDOW) & (np.abs(dv) < 0.64) & ~bars & fits
        pane = column((0.035, 0.05, 0.065)) * (1.4 + dv) + column((0.5, 0.3, 0.08)) * self.lamp
        colour = np.where(glass, pane, colour)
        middle = np.abs(u - cell * np.where(columns % 2 == 1, 0, 0.5))
        door = (level < 1) & (middle < 0.62) & (dv < 0.75)
        arch = (level < 1) & (middle < 0.80) & (dv < 0.92)
        colour = np.where(arch, column((0.55, 0.50, 0.42)), colour)
        return np.where(door, column((0.09, 0.045, 0.025)), colour)
