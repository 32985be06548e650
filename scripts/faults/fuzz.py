"""Damaged and hostile input: recordings, status files, checkpoints, command lines."""

from __future__ import annotations

import io
import random
import re
import shutil
import time
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from faults.field import COMMAND, Field, Tally
from nst import images
from nst.compare.load import read
from nst.config import USER_ERRORS, explain
from nst.config.composition import compose
from nst.config.validation import check
from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.runs.replay import effective

FILES = ("config.yaml", "status.json", "metrics.json", "metrics.jsonl", "checkpoints/latest.npz")
FORMATS = tuple(
    (ending, Image.registered_extensions()[ending])
    for ending in (
        ".png",
        ".jpg",
        ".webp",
        ".tiff",
        ".bmp",
        ".gif",
        ".jp2",
        ".avif",
        ".ppm",
        ".tga",
    )
    if Image.registered_extensions().get(ending) in Image.SAVE
)
MOST_SECONDS, MOST_MEMORY = 20.0, 1_000_000  # seconds, kB
HOSTILE = (b"${oc.env:HOME}", b"_target_: os.system", b"!!python/name:os.system", b"\x00", b"\xff")
HOSTILE += (b"*a", b"&a", b"[" * 50, b"{" * 50, b"1e999", b"-1", b"null", b"'", b"\t", b"\n- ")


def recordings(field: Field) -> Tally:
    """Damages a run folder: resume, replay and the comparison accept it or answer in one line."""
    tally = Tally("a damaged recording")
    ended = field.run(*COMMAND, "hydra.run.dir=recorded")
    assert ended.status == 0, ended.said
    sound, folder = field.here / "recorded", field.here / "damaged"
    RunFolder(sound).write_status("interrupted", reason="")
    for _ in field.rounds():
        tally.tried += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        name = field.chance.choice(FILES)
        data, wound = _mutated((folder / name).read_bytes(), field.chance)
        (folder / name).write_bytes(data)
        for word in ("resume", "replay"):
            _answered(tally, [f"{word}='{folder}'"], f"{name}, {wound}")
        try:
            read(folder, "damaged")
        except Exception as error:
            tally.expect(False, f"the comparison: {error!r} at {name}, {wound}")
    return tally


def checkpoints(field: Field) -> Tally:
    """Replaces arrays of a checkpoint and resumes from it: never exit status 1."""
    tally = Tally("a forged checkpoint")
    field.run(*COMMAND, "optimizer=lbfgs", "hydra.run.dir=forged")
    folder = field.here / "forged"
    RunFolder(folder).write_status("interrupted", reason="")
    path = folder / "checkpoints" / "latest.npz"
    sound, status = path.read_bytes(), (folder / "status.json").read_bytes()
    for _ in field.rounds():
        tally.tried += 1
        path.write_bytes(sound)
        (folder / "status.json").write_bytes(status)
        with np.load(path) as arrays:
            forged = _forged(dict(arrays), field.chance)
        np.savez(path, **forged)
        ended = field.run("resume=forged")
        right = ended.status in (0, 2) and "Traceback" not in ended.said
        shapes = {key: (value.dtype, value.shape) for key, value in forged.items()}
        tally.expect(right, f"exit status {ended.status}: {ended.said[-300:]} at {shapes}")
        kept = ended.status == 0 or (folder / "status.json").read_bytes() == status
        tally.expect(kept, "a run that was not resumed has another status")
    return tally


def pictures(field: Field) -> Tally:
    """Damages picture files of every format: each is read or refused in a line, cheaply."""
    tally = Tally("a damaged picture")
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    for _ in field.rounds():
        tally.tried += 1
        ending, kind = field.chance.choice(FORMATS)
        buffer = io.BytesIO()
        rgb.convert(field.chance.choice(["RGB", "L"])).save(buffer, kind)
        data, wound = _mutated(buffer.getvalue(), field.chance)
        path = field.here / f"damaged{ending}"
        path.write_bytes(data)
        what = f"{kind}, {wound}"
        Path("/proc/self/clear_refs").write_text("5")  # restarts the peak of this process
        before, start = _memory("VmRSS"), time.process_time()
        try:
            images.load(path)
        except InputError as error:
            tally.expect(len(str(error).splitlines()) == 1, f"several lines: {error} at {what}")
        except Exception as error:
            tally.expect(False, f"{error!r} at {what}")
        tally.expect(time.process_time() - start < MOST_SECONDS, f"too slow: {what}")
        tally.expect(_memory("VmHWM") - before < MOST_MEMORY, f"too much memory: {what}")
    return tally


def command_lines(field: Field) -> Tally:
    """Composes and checks random command lines."""
    tally = Tally("an odd command line")
    values = st.one_of(
        st.text(max_size=12),
        st.floats().map(str),
        st.integers().map(str),
        st.sampled_from(
            ["null", "[]", "{}", "[a,b]", "{a:1}", "'", '"', "${alpha}", "???", "1e999"]
        ),
    )
    keys = st.one_of(st.sampled_from(_keys()), st.text(max_size=8))
    override = st.builds("{}{}={}".format, st.sampled_from(["", "+", "++", "~"]), keys, values)
    random_seed = field.chance.getrandbits(32)

    @seed(random_seed)
    @settings(max_examples=field.most, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(override, max_size=3))
    def tried(overrides: list[str]) -> None:
        if any(True for _ in zip(field.rounds(), [0], strict=False)):
            tally.tried += 1
            _answered(tally, overrides, repr(overrides))

    tried()
    return tally


def _memory(what: str) -> int:
    """Returns an entry of this process's memory, kB."""
    found = re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    assert found is not None
    return int(found[1])


def _answered(tally: Tally, overrides: list[str], what: str) -> None:
    try:
        check(effective(compose(overrides), overrides))
    except USER_ERRORS as error:
        tally.expect(len(explain(error).splitlines()) == 1, f"several lines: {error} at {what}")
    except Exception as error:
        tally.expect(False, f"{error!r} at {what}")


def _keys() -> list[str]:
    config = compose()
    groups = [str(key) for key in config]
    return groups + [f"{g}.{key}" for g in groups for key in getattr(config[g], "keys", list)()]


def _mutated(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Cuts, doubles, reverses or replaces a part; also returns which."""
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    part = {
        "cut": b"",
        "hostile": chance.choice(HOSTILE),
        "noise": chance.randbytes(chance.randrange(1, 9)),
        "doubled": data[start:end] * 2,
        "reversed": data[start:end][::-1],
    }[chance.choice(["cut", "hostile", "noise", "doubled", "reversed"])]
    if chance.random() < 0.5:  # a small wound instead of a large one
        end = min(end, start + chance.randrange(4))
    return data[:start] + part + data[end:], f"{start} to {end}: {part[:200]!r}"


def _forged(arrays: dict[str, np.ndarray], chance: random.Random) -> dict[str, np.ndarray]:
    """Removes an array or replaces it."""
    name = chance.choice(sorted(arrays))
    value, rest = arrays[name], {key: array for key, array in arrays.items() if key != name}
    others = (
        np.zeros(0, np.float32),
        np.concatenate([np.atleast_1d(value)] * 2),
        np.asarray("text"),
        np.asarray(chance.choice([-1, 0, 7, 2**40])),
        np.asarray(1j),
        chance.choice(list(arrays.values())),
    )
    return rest if chance.random() < 0.2 else rest | {name: chance.choice(others)}
