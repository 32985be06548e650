"""A harbour town in the late afternoon: gabled houses, a church, boats, hills in the haze."""

from __future__ import annotations

import numpy as np

from painting.boat import Boat, plain
from painting.fields import Array, smoothstep
from painting.house import House
from painting.marcher import Camera, Part, Scene, develop, first_hit, occlusion, render, shadow
from painting.solids import Grain, balls, box, capsule, column, dot, union, unit

ASPECT = 0.75
EXPOSURE = 0.52
SEED = 1642
FAR = 150.0  # metres; what lies beyond is painted on the sky
CAMERA = Camera(eye=(-7.0, 5.2, -46.0), target=(1.5, 8.6, 6.0), zoom=1.75)
SUN = unit(column((-0.72, 0.50, -0.55)))
SUNLIGHT = column((1.0, 0.80, 0.56)) * 3.0
SKYLIGHT = column((0.42, 0.55, 0.80)) * 0.62
HAZE = column((0.66, 0.70, 0.76))
QUAY = 1.7  # height of the quay above the water
GRAIN = Grain(3)

PLASTER = [(0.66, 0.45, 0.16), (0.56, 0.17, 0.09), (0.72, 0.66, 0.54), (0.28, 0.38, 0.42),
           (0.68, 0.36, 0.10), (0.46, 0.10, 0.07), (0.5, 0.5, 0.26), (0.7, 0.4, 0.28)]  # fmt: skip
TILES = [(0.46, 0.13, 0.07), (0.38, 0.11, 0.07), (0.52, 0.19, 0.09), (0.20, 0.19, 0.21)]
BOATS = [
    Boat(-14.5, -18.0, 0.30, 5.2, (0.62, 0.10, 0.06), mast=9.6),
    Boat(5.5, -9.0, -0.15, 4.4, (0.06, 0.16, 0.30), mast=8.4),
    Boat(14.0, -16.5, 2.85, 5.0, (0.72, 0.68, 0.58), mast=10.2),
    Boat(-27.0, -5.0, 0.10, 4.6, (0.08, 0.26, 0.20), mast=9.0),
    Boat(-4.2, -27.5, 0.75, 2.5, (0.30, 0.16, 0.07)),
]


def picture(width: int) -> Array:
    """The harbour, ``[H, W, 3]`` in [0, 1]."""
    scene = _town(np.random.default_rng(SEED))

    def trace(origin: Array, direction: Array) -> Array:
        to_water = -origin[1] / np.minimum(direction[1], -1e-5)
        to_water = np.where(direction[1] < 0, to_water, np.inf)
        return _seen(scene, origin, direction, to_water)

    return develop(render(trace, CAMERA, width, ASPECT), EXPOSURE)


def _seen(scene: Scene, origin: Array, direction: Array, to_water: Array) -> Array:
    """Colour ``[3, N]`` of town, water or sky along each ray; ``to_water`` may be infinite."""
    colour, sky = np.empty_like(direction), np.isinf(to_water)
    hits = first_hit(scene, origin, direction, FAR, 0.02)
    dry = hits.depth < to_water[hits.rays]
    town, sky[hits.rays] = hits.rays[dry], sky[hits.rays] & ~dry
    wet = np.isfinite(to_water)
    wet[town] = False
    lit = hits.colour * _light(scene, hits.point, hits.normal)
    air = 1 - np.exp(-hits.depth / 420)
    colour[:, town] = (lit * (1 - air) + HAZE * air)[:, dry]
    colour[:, sky] = _sky(direction[:, sky])
    if wet.any():
        point = origin[:, wet] + direction[:, wet] * to_water[wet]
        colour[:, wet] = _water(scene, point, direction[:, wet])
    return colour


def _light(scene: Scene, point: Array, normal: Array) -> Array:
    facing = np.clip(dot(normal, SUN), 0, 1)
    front = np.flatnonzero(facing > 0)
    reached = np.zeros_like(facing)
    reached[front] = shadow(scene, point[:, front], SUN, 60.0, 0.025, 0.12)
    openness = occlusion(scene, point, normal, 2.2)
    sky = openness * (0.62 + 0.38 * normal[1])
    warm = column((0.50, 0.36, 0.22)) * (0.30 * openness * (0.6 - 0.4 * normal[1]))
    return SUNLIGHT * (facing * reached) + SKYLIGHT * sky + warm


def _water(scene: Scene, point: Array, direction: Array) -> Array:
    """Rippled water: reflections near grazing, green depth where one looks down."""
    x, _, z = point
    away = np.hypot(point[0] - CAMERA.eye[0], point[2] - CAMERA.eye[2])
    calm = 1 / (1 + away / 26)
    ripple = np.stack([x * 0.55, np.zeros_like(x), z * 1.25])
    tilt_x = GRAIN(ripple, 3) * 0.030 * calm
    tilt_z = GRAIN(ripple + 11.3, 3) * 0.085 * calm
    normal = unit(np.stack([tilt_x, np.ones_like(x), tilt_z]))
    facing = np.clip(-dot(direction, normal), 0.02, 1)
    mirrored = direction + 2 * facing * normal
    mirrored[1] = np.maximum(np.abs(mirrored[1]), 0.01)
    lifted = point + column((0, 0.03, 0))
    seen = _seen(scene, lifted, unit(mirrored), np.full(x.size, np.inf, np.float32))
    share = 0.10 + 0.82 * (1 - facing) ** 3.2
    depth_colour = column((0.030, 0.085, 0.095)) * (1 + 0.25 * GRAIN(point * 0.15))
    return seen * share * 0.92 + depth_colour * (1 - share)


def _sky(direction: Array) -> Array:
    """Clouds lit from the left over a pale horizon, and three ranges of hills."""
    up = np.maximum(direction[1], 0)
    low, high = column((0.90, 0.80, 0.66)), column((0.20, 0.38, 0.72))
    blend = smoothstep(0.0, 0.42, up) ** 0.7
    colour = low * (1 - blend) + high * blend
    at = np.stack([direction[0], np.full_like(up, 0.3), direction[2]]) / (up + 0.14) * 0.95
    density = GRAIN(at, 6)
    towards_sun = GRAIN(at + SUN * 0.16, 4)
    cover = smoothstep(0.02, 0.62, density) * smoothstep(0.02, 0.14, up)
    bright = np.clip(0.62 + 0.55 * (density - towards_sun) - 0.16 * density, 0.18, 1.15)
    lit, dim = column((1.25, 1.10, 0.92)), column((0.42, 0.46, 0.56))
    cloud = dim * (1 - bright) + lit * bright
    colour = colour * (1 - cover) + cloud * cover
    return _hills(colour, direction).astype(np.float32)


def _hills(colour: Array, direction: Array) -> Array:
    azimuth = np.arctan2(direction[0], direction[2])
    slope = direction[1] / np.hypot(direction[0], direction[2])
    ranges = [(0.215, 0.060, 3.1, 0.62), (0.165, 0.052, 4.4, 0.42), (0.115, 0.045, 6.5, 0.22)]
    for level, (height, swing, pace, haze) in enumerate(ranges):
        zero = np.zeros_like(azimuth)
        line = np.stack([azimuth * pace + 1.9, zero + 3.7 * level, zero])
        crest = height + swing * GRAIN(line, 5)
        spot = np.stack([azimuth * 26, slope * 60, zero + level])
        woods = GRAIN(spot, 4)
        relief = GRAIN(np.stack([azimuth * 9, slope * 22 + azimuth * 8, zero + 5.0 + level]), 4)
        green = column((0.16, 0.21, 0.09)) * (1 + 0.30 * woods)
        lit = green * (SUNLIGHT * 0.40 * np.clip(0.55 + 0.75 * relief, 0.05, 1.6) + SKYLIGHT * 0.5)
        shade = lit * (1 - haze) + HAZE * haze
        inside = smoothstep(0.0016, -0.0016, slope - crest)
        colour = colour * (1 - inside) + shade * inside
    return colour


def _terrace(
    rng: np.random.Generator, start: float, end: float, z: float, base: float, scale: float
) -> list[Part]:
    """Houses side by side."""
    parts, x = [], start
    while x < end:
        half = scale * rng.uniform(2.0, 3.4)
        house = House(
            x=x + half, z=z + rng.uniform(-0.6, 0.6), base=base + rng.uniform(-0.3, 0.3),
            half_width=half, half_depth=half * rng.uniform(0.9, 1.2),
            eaves=scale * rng.choice([5.5, 6.5, 8.3, 9.2]), pitch=rng.uniform(0.85, 1.35),
            turn=int(rng.random() < 0.30), plaster=PLASTER[rng.integers(len(PLASTER))],
            tiles=TILES[rng.choice(4, p=[0.4, 0.25, 0.2, 0.15])],
            timbered=bool(rng.random() < 0.3), lamp=float(rng.random() < 0.25),
        )  # fmt: skip
        parts.append(house.part())
        x += 2 * half + rng.choice([0.0, 0.0, 0.0, 0.9])
    return parts


def _stones(p: Array, n: Array) -> Array:
    """Courses of stone, wet and green at the water line."""
    course = np.floor(p[1] / 0.45)
    joint = np.abs(np.mod(p[1], 0.45) - 0.225) > 0.195
    along = np.where(np.abs(n[0]) > 0.5, p[2], p[0])
    joint |= np.abs(np.mod(along + 0.6 * (course % 2), 1.3) - 0.65) > 0.615
    stone = column((0.36, 0.32, 0.27)) * (1 + 0.22 * GRAIN(p * 0.9, 4))
    stone = stone * (1 - 0.45 * (joint & (n[1] < 0.5)))
    damp = smoothstep(0.75, 0.25, p[1] + 0.12 * GRAIN(p))
    return stone * (1 - damp) + column((0.06, 0.075, 0.04)) * damp


def _town(rng: np.random.Generator) -> list[Part]:
    quay = union(
        box((0.0, QUAY / 2 - 2, 30.0), (90.0, QUAY / 2 + 2, 30.0)),
        box((34.0, QUAY / 2 - 2, -20.0), (12.0, QUAY / 2 + 2, 40.0)),
        box((-9.0, QUAY / 2 - 2.2, -3.0), (1.6, QUAY / 2 + 2, 6.0)),
    )
    hillside = box((0.0, -4.0, 62.0), (120.0, 13.0, 36.0), 5.0)
    return [
        Part(quay, _stones, (-90, -4, -60), (90, QUAY, 60)),
        Part(hillside, plain((0.20, 0.24, 0.10), 0.35, 0.5), (-120, -17, 26), (120, 9, 98)),
        *_terrace(rng, -52.0, 20.0, 7.5, QUAY, 1.0),
        *_terrace(rng, -48.0, 34.0, 18.0, 4.2, 1.0),
        *_terrace(rng, -44.0, 36.0, 31.0, 8.2, 0.95),
        *_side_row(),
        *_church(),
        *_trees(rng),
        *(part for boat in BOATS for part in boat.parts()),
        *_posts(),
    ]


def _side_row() -> list[Part]:
    """Houses along the right arm of the quay, seen in perspective."""
    houses = [
        House(x=29.0, z=z, base=QUAY, half_width=half, half_depth=3.6, eaves=eaves, pitch=1.1,
              turn=1, plaster=PLASTER[k % len(PLASTER)], tiles=TILES[k % 3],
              timbered=k % 3 == 1, lamp=float(k == 2))
        for k, (z, half, eaves) in enumerate(
            [(-14.0, 3.0, 6.4), (-7.9, 2.9, 8.6), (-2.0, 2.8, 5.6), (3.8, 2.9, 8.0)])
    ]  # fmt: skip
    return [house.part() for house in houses]


def _church() -> list[Part]:
    x, z, base = -8.0, 26.0, 6.0
    nave = House(x=x + 9.5, z=z, base=base, half_width=4.2, half_depth=8.0, eaves=9.0, pitch=1.25,
                 turn=1, plaster=(0.62, 0.55, 0.44), tiles=(0.17, 0.19, 0.22), timbered=False,
                 lamp=0.0)  # fmt: skip

    def spire(p: Array) -> Array:
        reach = np.maximum(np.abs(p[0] - x), np.abs(p[2] - z))
        round_reach = np.maximum(reach, (np.abs(p[0] - x) + np.abs(p[2] - z)) * 0.72)
        top = base + 32.5
        cone = (round_reach * 4.0 + (p[1] - top)) / 4.3
        return np.maximum(cone, base + 19.0 - p[1])

    def tower_paint(p: Array, n: Array) -> Array:
        colour = _stones(p + column((0, 30, 0)), n) * column((1.55, 1.45, 1.28))
        u = np.where(np.abs(n[0]) > np.abs(n[2]), p[2] - z, p[0] - x)
        v = p[1] - base
        bell = (np.abs(np.abs(u) - 0.85) < 0.5) & (np.abs(v - 15.6) < 1.5)
        clock = np.hypot(u, v - 11.6)
        slit = (np.abs(u) < 0.3) & (np.abs(v - 6.5) < 1.2)
        ledge = (np.abs(v - 13.4) < 0.2) | (np.abs(v - 18.6) < 0.35)
        colour = np.where(ledge, colour * 1.35, colour)
        colour = np.where(bell | slit, column((0.03, 0.03, 0.035)), colour)
        colour = np.where(clock < 1.15, column((0.75, 0.60, 0.22)), colour)
        return np.where(clock < 0.92, column((0.08, 0.10, 0.16)), colour)

    tower = box((x, base + 9.5, z), (2.6, 9.5, 2.6))
    low, middle, high = (x - 2.7, base, z - 2.7), base + 19.0, (x + 2.7, base + 32.6, z + 2.7)
    copper = plain((0.13, 0.25, 0.23), 0.25, 0.8)
    return [
        nave.part(),
        Part(tower, tower_paint, low, (high[0], middle, high[2])),
        Part(spire, copper, (low[0], middle, low[2]), high),
    ]


def _trees(rng: np.random.Generator) -> list[Part]:
    """Round crowns between the houses; every crown is a heap of balls."""
    spots = [(-30, 4.8, 25), (13, 4.6, 25), (24, 4.0, 26), (22.6, QUAY, 4.2), (-19, 9, 38),
             (7, 9, 38), (-36, 9, 40), (18, 9, 40)]  # fmt: skip
    parts = []
    for x, base, z in spots:
        size = rng.uniform(1.8, 2.6) * (0.62 if base == QUAY else 1)
        heap = rng.normal(0, 0.40, (70, 3)) * [1.15, 0.9, 1.15] * size
        middle = np.array([x, base + 2.3 * size, z])
        crown = balls(heap + middle, 0.30 * size)
        trunk = capsule((x, base, z), (x, base + 2 * size, z), 0.16)
        leaf = plain((0.13, 0.20, 0.045), 0.45, 2.6)
        low = np.minimum(heap.min(0) + middle - 0.30 * size, [x - 0.16, base, z - 0.16])
        parts.append(Part(union(crown, trunk), leaf, low, heap.max(0) + middle + 0.30 * size))
    return parts


def _posts() -> list[Part]:
    """Mooring posts along the quay and beside the jetty."""
    feet = [(x, -0.6) for x in range(-40, 22, 6)]
    feet += [(-11.2, -9.5), (-6.8, -9.5), (21.2, -12), (21.2, -22)]
    wood, top = plain((0.12, 0.075, 0.045), 0.3), QUAY + 0.7
    return [
        Part(capsule((x, -1, z), (x, top, z), 0.17), wood, (x - 0.2, -1, z - 0.2),
             (x + 0.2, top + 0.2, z + 0.2))
        for x, z in feet
    ]  # fmt: skip
