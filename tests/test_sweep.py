"""Sweeps through the real command line: run many, stop, continue, in one process or in several."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pytest
from command_line import PATIENCE, ROOT, changes, contents, python, until
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from PIL import Image

from nst.config.composition import compose
from nst.config.overrides import parse
from nst.runs.folder import RunFolder
from nst.sweeps.plan import of_all_jobs, plan_sweep

OWN = ["content.image=photo.png", "style.image=painting.png", "network=bundled", "size=32"]
OWN += ["pyramid=single", "optimizer=adam", "observer=[metrics,checkpoints,progress]"]
OWN += ["runtime.threads=1"]
LONG = ["observer.checkpoints.every=5", "alpha=1e2,1e3,1e4"]  # of some steps, to be stopped


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures."""
    here = tmp_path_factory.mktemp("here").resolve()
    for seed, name in enumerate(("photo.png", "painting.png")):
        values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(here / name)
    return here


def begin(here: Path, *overrides: str) -> subprocess.Popen[str]:
    """Starts a sweep, as a terminal does: in a process group of its own."""
    return command_line.begin(
        "-m", *OWN, *overrides, cwd=here, stderr=subprocess.STDOUT, start_new_session=True
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Waits for the end; returns exit status and what was said."""
    said, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def states(sweep: Path) -> dict[str, str]:
    """How each job that has a folder stands."""
    return {path.name: RunFolder(path).status["status"] for path in sorted(sweep.glob("[0-9]*"))}


def pictures(sweep: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(sweep.glob("*/result.png"))}


def stamped(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file below a folder, and when it was changed."""
    when = changes(folder)
    return {Path(name): (data, when[name]) for name, data in contents(folder).items()}


def checkpoint(sweep: Path, job: str) -> Path:
    return sweep / job / "checkpoints" / "latest.npz"


# --- the engines: one process, workers, a cluster's ------------------------------------------

ENGINES = {
    "serial": [],
    "parallel": ["runtime=parallel", "hydra.launcher.n_jobs=2"],
    "submitted": ["hydra/launcher=submitit_local"],
}
JOBS = ["0_beta=20000", "1_beta=3e+38", "2_beta=1000"]  # the second one diverges


@pytest.fixture(scope="module")
def engines(here: Path) -> dict[str, tuple[int, str]]:
    """The same sweep with each of them, all at once; one of its jobs fails."""
    swept = ["beta=2e4,3e38,1e3", "steps=4"]
    started = {
        name: begin(here, *swept, *more, f"hydra.sweep.dir={name}")
        for name, more in ENGINES.items()
    }
    return {name: end(process) for name, process in started.items()}


@pytest.mark.parametrize("name", ENGINES)
def test_a_job_that_fails_stops_no_other(
    name: str, engines: Mapping[str, tuple[int, str]], here: Path
) -> None:
    status, said = engines[name]
    assert status == 1, said
    assert states(here / name) == dict(zip(JOBS, ("completed", "failed", "completed"), strict=True))
    assert "Traceback" not in said
    logs = [(here / name / job / "run.log").read_text("utf-8") for job in JOBS]
    assert ["Traceback" in log for log in logs] == [False, True, False]
    assert "Diverged" in logs[1]
    assert "the sweep continues" in logs[1]
    assert "not finite" in RunFolder(here / name / JOBS[1]).status["reason"]


@pytest.mark.parametrize("name", ENGINES)
def test_a_table_lists_every_job_at_the_end(
    name: str, engines: Mapping[str, tuple[int, str]], here: Path
) -> None:
    lines = [line.split() for line in engines[name][1].splitlines()]
    for job, state in zip(JOBS, ("completed", "failed", "completed"), strict=True):
        (line,) = [line for line in lines if line[:1] == [state] and line[-1] == job]
        metrics = RunFolder(here / name / job).metrics
        shown = f"{metrics['content_distance']:#.3g}".rstrip(".") if metrics else job
        assert shown in line
    assert f"To continue, repeat the command with hydra.sweep.dir='{name}'" in engines[name][1]
    assert (here / name / "comparison" / "report.html").is_file()


@pytest.mark.parametrize("name", ["parallel", "submitted"])
def test_all_engines_make_the_same_bytes(
    name: str, engines: Mapping[str, tuple[int, str]], here: Path
) -> None:
    assert set(pictures(here / "serial")) == set(JOBS)
    assert pictures(here / name) == pictures(here / "serial")


def test_workers_name_their_job_beside_its_progress(
    engines: Mapping[str, tuple[int, str]],
) -> None:
    for job in (JOBS[0], JOBS[2]):
        assert f"{job}: step 0/4  " in engines["parallel"][1]
    assert re.search(r"^step 0/4  ", engines["serial"][1], re.MULTILINE)


# --- stop and go on ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history(here: Path) -> dict[str, Any]:
    """A sweep that is stopped with Ctrl-C, killed, and finished at last; its state after each."""
    sweep, found = here / "stopped", {}
    command = [*LONG, "steps=200", "hydra.sweep.dir=stopped"]

    first = begin(here, *command)
    until(first, checkpoint(sweep, "1_alpha=1000"))
    first.send_signal(signal.SIGINT)
    found["Ctrl-C"] = (*end(first), states(sweep))
    found["before"] = stamped(sweep / "0_alpha=100")

    second = begin(here, *command)
    until(second, checkpoint(sweep, "2_alpha=10000"))
    second.send_signal(signal.SIGSTOP)  # or it might come to its end first
    found["while it runs"] = end(begin(here, *command))
    second.kill()
    found["kill"] = (*end(second), states(sweep))

    third = begin(here, *command)
    alone = begin(here, *LONG, "steps=200", "hydra.sweep.dir=uninterrupted")
    found["finished"] = (*end(third), states(sweep))
    assert end(alone)[0] == 0
    found["after"] = stamped(sweep / "0_alpha=100")
    return found


def test_ctrl_c_ends_the_running_job_and_leaves_the_rest(history: Mapping[str, Any]) -> None:
    status, said, found = history["Ctrl-C"]
    assert status == 130
    assert found == {"0_alpha=100": "completed", "1_alpha=1000": "interrupted"}
    assert "Traceback" not in said
    lines = said.splitlines()  # of two streams, in an order of chance
    assert "not run: 2_alpha=10000" in lines
    assert "To continue, repeat the command with hydra.sweep.dir='stopped'" in lines
    assert len([line for line in lines if line.startswith("nst: interrupted")]) == 1


def test_a_second_process_leaves_a_sweep_at_work_alone(history: Mapping[str, Any]) -> None:
    assert history["while it runs"] == (2, "nst: another process is using stopped\n")


def test_a_kill_leaves_what_can_be_gone_on_with(history: Mapping[str, Any]) -> None:
    status, _, found = history["kill"]
    assert status == -signal.SIGKILL
    assert list(found.values()) == ["completed", "completed", "running"]


def test_the_same_command_finishes_a_sweep(history: Mapping[str, Any], here: Path) -> None:
    status, said, found = history["finished"]
    assert (status, set(found.values()), len(found)) == (0, {"completed"}, 3), said
    assert said.count("already completed, not run again") == 2
    assert pictures(here / "stopped") == pictures(here / "uninterrupted")
    for path in (here / "stopped").glob("[0-9]*"):
        assert [line["step"] for line in RunFolder(path).history()] == list(range(201))


def test_a_completed_job_is_left_as_it_is(history: Mapping[str, Any]) -> None:
    before, after = history["before"], history["after"]
    assert set(before) == set(after)
    changed = [path for path in before if before[path] != after[path]]
    # Hydra's own record of the command, and the line that says why there is nothing to do.
    assert [p for p in changed if p.parent.name != ".hydra" and p.name != "run.log"] == []


@pytest.mark.parametrize("to", ["command", "group"])
def test_ctrl_c_ends_the_jobs_of_all_workers(to: str, here: Path) -> None:
    sweep = here / f"workers {to}"
    process = begin(
        here,
        *("runtime=parallel", "hydra.launcher.n_jobs=2", "steps=100000"),
        *(*LONG, f"hydra.sweep.dir='{sweep.name}'"),
    )
    try:
        running = ["0_alpha=100", "1_alpha=1000"]
        until(process, *(checkpoint(sweep, job) for job in running))
        if to == "command":  # as a scheduler does
            process.send_signal(signal.SIGTERM)
        else:  # as a terminal does: the workers get it as well
            os.killpg(process.pid, signal.SIGINT)
        status, said = end(process)
    finally:
        process.kill()
    assert status == 130, said
    found = states(sweep)
    assert [found.pop(job) for job in running] == ["interrupted", "interrupted"]
    assert set(found.values()) <= {"interrupted"}, "told before it began"
    assert set(running) <= set(pictures(sweep))
    assert "Traceback" not in said


def test_a_reader_that_goes_away_stops_nothing(here: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "nst.run", "-m", *OWN, "steps=2", "seed=1,2",
         "hydra.sweep.dir=unread", "hydra.job.chdir=true"],  # the pictures are named from here
        cwd=here, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=write,
        stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(states(here / "unread").values()) == {"completed"}
    assert (here / "unread" / "comparison" / "report.html").is_file()


def test_sweeps_of_the_same_moment_have_folders_of_their_own(here: Path) -> None:
    twins = [begin(here, "seed=1,2", "init=noise", "steps=2") for _ in range(2)]
    assert [end(twin)[0] for twin in twins] == [0, 0]
    sweeps = list((here / "outputs" / "sweeps").glob("*/*"))
    assert len(sweeps) == 2
    one, other = map(pictures, sweeps)
    assert one == other
    assert set(one) == {"0_seed=1", "1_seed=2"}
    assert one["0_seed=1"] != one["1_seed=2"]


# --- what cannot be ---------------------------------------------------------------------------

ASK = """
import contextlib, io, json, sys
from nst.cli.app import run

err = io.StringIO()
with contextlib.redirect_stderr(err):
    status = run(json.load(sys.stdin))
assert "tensorflow" not in sys.modules
print(json.dumps([status, err.getvalue()]))
"""


def answer(here: Path, *overrides: str) -> tuple[int, str]:
    """Asks for a sweep that cannot be."""
    done = python("-c", ASK, cwd=here, text=json.dumps(["-m", *OWN, *overrides]))
    assert done.returncode == 0, done.stderr
    status, said = json.loads(done.stdout.splitlines()[-1])
    return status, said


@pytest.fixture
def finished(here: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A sweep of one job that is there already, and the command that made it."""
    from nst.runs.identity import identity
    from nst.sources import gather, resolved

    folder = RunFolder(tmp_path / "old sweep" / "0_steps=4")
    folder.path.mkdir(parents=True)
    relative = [o.replace("image=", f"image={here}/") for o in OWN]
    config = compose([*relative, "steps=4"])
    inputs = gather(config)
    config = resolved(config, inputs)
    folder.write("config.yaml", b"alpha: 1\n")
    folder.write_json("metrics.json", {"content_distance": 1.0})
    folder.write_status("completed", identity=identity(config, inputs))
    # Two values, so that the folders are named by them.
    return folder.path, ["steps=4,5", f"hydra.sweep.dir='{folder.path.parent}'"]


WRONG = {
    "other": "{job} holds a run with another configuration, images or weights; nothing was "
    "changed: choose another folder",
    "version": "{job} holds a run with another configuration, images or weights (made by nst "
    "0.0.1, this is {version}); nothing was changed: choose another folder",
    "status": "{job}/status.json is damaged: ",
    "metrics": "{job}/metrics.json is damaged: ",
    "busy": "another process is using {job}",
    "file": "hydra.sweep.dir: photo.png/sweep cannot be created: {here}/photo.png is "
    "not a writable folder",
}


@pytest.mark.parametrize("case", WRONG)
def test_an_old_folder_that_does_not_fit_is_refused_and_left_alone(
    case: str, finished: tuple[Path, list[str]], here: Path
) -> None:
    job, command = finished
    folder = RunFolder(job)
    if case == "other":
        command.append("beta=3")
    elif case == "version":
        folder.write_json("status.json", {**folder.status, "identity": "0" * 64, "nst": "0.0.1"})
    elif case in ("status", "metrics"):
        path = job / f"{case}.json"
        path.write_bytes(path.read_bytes()[:9])
    elif case == "file":
        command[-1] = "hydra.sweep.dir=photo.png/sweep"
    before, beside = stamped(job.parent), sorted(here.iterdir())
    if case == "busy":
        with folder.locked():
            status, said = answer(here, *command)
    else:
        status, said = answer(here, *command)
    from nst import __version__

    line = WRONG[case].format(job=job, version=__version__, here=here)
    assert said.startswith(f"nst: {line}")
    assert said.count("\n") == 1
    assert status == 2
    assert stamped(job.parent) == before
    assert sorted(here.iterdir()) == beside


# --- the plan ---------------------------------------------------------------------------------


def planned(*overrides: str) -> list[tuple[str, Any]]:
    """The folder and the configuration of each job."""
    sweep = plan_sweep(compose(of_all_jobs(overrides), hydra=True), overrides)
    # What Hydra's own sweeper makes of it are the jobs that are planned, and so it can compose it.
    (hydra,) = BasicSweeper.split_arguments(parse(sweep.overrides), None)
    plain = [[o.lstrip("+") for o in job if not o.startswith("hydra.job.config")] for job in hydra]
    assert plain == [list(job.overrides) for job in sweep.jobs]
    compose(of_all_jobs(sweep.overrides))
    return [(job.folder.path.name, job.config) for job in sweep.jobs]


SWEEPS = {
    "sweep_alpha_beta": (9, "5_alpha=1000_beta=200000"),
    "sweep_layers": (10, None),
    "gatys2015_figure3": (20, None),
    "sweep_optimizers": (8, "3_optimizer=adam_pyramid=sqrt2"),
    "sweep_init_seeds": (6, "4_init=blend_seed=1"),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_from_conf_is_a_sweep_without_minus_m(name: str) -> None:
    number, folder = SWEEPS[name]
    jobs = planned(f"experiment={name}", "size=64")
    assert compose([f"experiment={name}"], hydra=True).hydra.mode.name == "MULTIRUN"
    assert len(jobs) == len({path for path, _ in jobs}) == number
    assert folder is None or folder in dict(jobs)
    assert all(config.size == 64 for _, config in jobs)
    layers = {tuple(config.loss.style.layers) for _, config in jobs}
    assert len(layers) == (5 if number % 5 == 0 else 1)  # of layers, cumulative


def test_a_value_of_the_command_line_replaces_that_of_a_sweep_from_conf() -> None:
    jobs = planned("experiment=sweep_alpha_beta", "beta=1e3", "alpha=1,2")
    assert [path for path, _ in jobs] == ["0_alpha=1", "1_alpha=2"]
    assert [(config.alpha, config.beta) for _, config in jobs] == [(1.0, 1e3), (2.0, 1e3)]


def test_a_shuffled_sweep_runs_as_it_was_planned() -> None:
    jobs = planned("seed=shuffle(range(6))", "init=noise")
    assert sorted(config.seed for _, config in jobs) == list(range(6))
    assert [path for path, _ in jobs] == [f"{n}_seed={c.seed}" for n, (_, c) in enumerate(jobs)]
    assert jobs == planned("seed=shuffle(range(6))", "init=noise"), "or it could not be resumed"


def test_a_key_of_all_swept_options_may_be_set() -> None:
    jobs = planned("optimizer=lbfgs,lbfgs_unbounded", "optimizer.history=5", "alpha=2")
    assert [path for path, _ in jobs] == ["0_optimizer=lbfgs", "1_optimizer=lbfgs_unbounded"]
    assert [(config.optimizer.history, config.alpha) for _, config in jobs] == [(5, 2.0)] * 2
    jobs = planned("experiment=gatys2015,gatys2016", "optimizer.history=5", "size=99")
    assert [(config.optimizer.history, config.size) for _, config in jobs] == [(5, 99)] * 2


def test_a_sweep_on_a_cluster_is_planned() -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    jobs = planned("runtime=slurm", "hydra.launcher.partition=long", "alpha=1,2")
    assert [config.alpha for _, config in jobs] == [1, 2]


def test_a_launcher_that_is_not_installed_says_what_to_install() -> None:
    from hydra.errors import MissingConfigException

    from nst.config import explain

    error = MissingConfigException("no", missing_cfg_file="hydra/launcher/joblib")
    assert "pip install 'nst[parallel]'" in explain(error)
    error = MissingConfigException("no", missing_cfg_file="hydra/launcher/submitit_slurm")
    assert "pip install 'nst[cluster]'" in explain(error)


# --- shared work ------------------------------------------------------------------------------

JOBS_OF_A_PROCESS = """
import json, re, sys, tempfile
from pathlib import Path

from nst.config.composition import compose
from nst.runtime import import_tensorflow
import_tensorflow()
from tensorflow.python.framework.func_graph import FuncGraph
from nst.transfer import transfer

begun = 0
make = FuncGraph.__init__


def counted(self, *arguments, **options):
    global begun
    begun += 1
    make(self, *arguments, **options)


FuncGraph.__init__ = counted
found = {}
for name, (own, jobs) in json.load(sys.stdin).items():
    begun, graphs, memory = 0, [], []
    for job in jobs:
        config = compose([*own, *job])
        for _ in range(1 if job else 25):
            config.seed += 1
            with tempfile.TemporaryDirectory() as folder:
                transfer(config, Path(folder))
        graphs.append(begun)
        status = Path("/proc/self/status")
        if status.exists():
            memory.append(int(re.search(r"VmRSS:\\s+(\\d+)", status.read_text())[1]))
    found[name] = graphs, memory
print(json.dumps(found))
"""


def many_changes(optimizer: str) -> tuple[list[str], list[list[str]]]:
    """Jobs that share all that is compiled, but for the first, and the last with another network.

    Returns:
        What they have in common, and what each changes.
    """
    own = [*OWN, f"optimizer={optimizer}", "pyramid=sqrt2", "pyramid.min_size=16", "steps=9"]
    own += ["loss.content.layers=[block3_conv2,block4_conv2]"]
    changes = ["alpha=7", "beta=3", "seed=5", "init=noise", "loss.tv.weight=9"]
    changes += ["loss.style.layer_weights=[1,2,3,4,5]", "loss.content.layer_weights=[3,2]"]
    changes += ["optimizer.learning_rate=0.1"] if optimizer == "adam" else []
    another = {"adam": "network.pooling=max", "lbfgs": "network.padding=zeros"}[optimizer]
    return own, [["init=content"], *([change] for change in changes), changes, [another]]


@pytest.fixture(scope="module")
def shared(here: Path) -> dict[str, tuple[list[int], list[int]]]:
    """Jobs of one process, one after the other: graphs traced and memory (kB) after each."""
    work = {optimizer: many_changes(optimizer) for optimizer in ("adam", "lbfgs")}
    own = [o for o in OWN if not o.startswith("observer")]
    own += ["observer=[metrics,tensorboard]", "steps=2"]
    work["fifty"] = own, [["seed=1"], [], []]
    done = python("-c", JOBS_OF_A_PROCESS, cwd=here, text=json.dumps(work))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_picture_is_decoded_once_and_again_when_it_has_changed(
    here: Path, tmp_path: Path
) -> None:
    from nst.sources import gather

    changing = tmp_path / "changing.png"
    images = [f"content.image={here}/photo.png", f"style.image={changing}", "network=bundled"]
    shutil.copy(here / "painting.png", changing)
    first, again = gather(compose(images)), gather(compose([*images, "seed=3"]))
    assert again.content is first.content
    assert again.styles[0].picture is first.styles[0].picture
    shutil.copy(here / "photo.png", changing)
    os.utime(changing, ns=(1, 1))
    assert gather(compose(images)).styles[0].picture.sha256 == first.content.sha256


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_other_weights_seeds_and_rates_trace_nothing(
    optimizer: str, shared: Mapping[str, tuple[list[int], list[int]]]
) -> None:
    first, *same, other = shared[optimizer][0]
    assert len(same) >= 8
    assert first > 0, "another optimizer compiles what is its own"
    assert set(same) == {first}
    assert other > first, "another network is traced, so the count can tell"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_fifty_jobs_leave_no_memory_behind(
    shared: Mapping[str, tuple[list[int], list[int]]],
) -> None:
    first, _, last = shared["fifty"][1]
    assert (last - first) / 1024 < 50, "MB"
