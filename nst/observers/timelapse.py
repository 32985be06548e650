"""The time-lapse of a run: its snapshots as an animation."""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from nst.files.atomic import write_atomic
from nst.images import fit
from nst.observers.base import RunContext
from nst.observers.files import Snapshots
from nst.record import Record
from nst.runs.folder import TIMELAPSE

log = logging.getLogger(__name__)

LAST = 1 / 3  # how long the result stands, as a share of the time before


class Timelapse(Snapshots):
    """Writes ``timelapse.webp``, ``timelapse.gif`` and, with ffmpeg, ``timelapse.mp4``.

    Its frames are snapshots, so a resumed run has those from before the stop.

    Args:
        frames: Number of frames, evenly spaced in steps, >= 2.
        size: Long side, px; never larger than the picture.
        seconds: How long it runs; then the result stands still for a third of that.
    """

    def __init__(self, frames: int, size: int, seconds: float) -> None:
        super().__init__(every=1)
        self._frames, self._size, self._seconds = frames, size, seconds

    def start(self, run: RunContext) -> None:
        """Creates the folder, and finds out the distance between frames."""
        super().start(run)
        self._every = max(1, run.steps // (self._frames - 1))
        self._last_step = run.first_step

    def step(self, record: Record) -> None:
        """Writes a frame."""
        super().step(record)
        self._last_step = record.step

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Writes the animations of what there is, however the run ended."""
        frames = self._chosen()
        if not frames:
            return
        pictures = _equal(frames, self._size)
        duration = 1000 * self._seconds / len(pictures)  # of a frame, ms
        *animated, film = (self._run.folder.path / name for name in TIMELAPSE)
        for path in animated:
            write_atomic(path, animation(pictures, duration, path.suffix[1:]))
        if shutil.which("ffmpeg") is None:
            log.warning("%s is not written: ffmpeg is not installed", film.name)
            return
        write_atomic(film, video(pictures, duration))

    def _chosen(self) -> list[Path]:
        """Takes the snapshots at evenly spaced steps, the last one included."""
        found = {int(path.stem): path for path in sorted(self._folder.glob("[0-9]*.png"))}
        steps = [step for step in found if step <= self._last_step]
        if len(steps) <= self._frames:
            return [found[step] for step in steps]
        wanted = [i * steps[-1] / (self._frames - 1) for i in range(self._frames)]
        nearest = dict.fromkeys(min(steps, key=lambda s: abs(s - goal)) for goal in wanted)
        return [found[step] for step in nearest]


def _equal(paths: Sequence[Path], size: int) -> list[Image.Image]:
    """Reads pictures in the size of the last, which has the finest scale; transparency is white."""
    with Image.open(paths[-1]) as last:
        width, height = last.size
    height, width = fit((height, width), min(size, max(width, height)))
    pictures = []
    for path in paths:
        with Image.open(path) as image:
            picture = image.convert("RGBA").resize((width, height), Image.Resampling.LANCZOS)
        white = Image.new("RGBA", picture.size, "white")
        pictures.append(Image.alpha_composite(white, picture).convert("RGB"))
    return pictures


def animation(pictures: Sequence[Image.Image], duration: float, kind: str) -> bytes:
    """Encodes pictures of one size as an endless animation.

    Args:
        pictures: RGB.
        duration: Of each, ms; the last one stays for a third of all the others.
        kind: ``webp`` or ``gif``.
    """
    file = io.BytesIO()
    durations = [round(duration)] * (len(pictures) - 1)
    durations.append(round(duration + LAST * duration * len(pictures)))
    first, *others = pictures
    options: dict[str, Any] = {"quality": 82, "method": 4} if kind == "webp" else {}
    first.save(
        file,
        kind.upper(),
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        **options,
    )
    return file.getvalue()


def video(pictures: Sequence[Image.Image], duration: float) -> bytes:
    """Encodes pictures of one size as MP4 (H.264), by ffmpeg.

    Raises:
        RuntimeError: ffmpeg fails.
    """
    width, height = pictures[0].size
    stay = LAST * duration * len(pictures) / 1000
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # which the usual subsampling of colour needs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        command = [
            *("ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{width}x{height}", "-r", f"{1000 / duration:.4f}", "-i", "-"),
            *("-vf", f"tpad=stop_mode=clone:stop_duration={stay:.3f},{even}"),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)),
        ]
        frames = b"".join(picture.tobytes() for picture in pictures)
        done = subprocess.run(command, input=frames, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"ffmpeg failed: {done.stderr.decode(errors='replace').strip()}")
        return path.read_bytes()
