"""What is wrong is said in one line, with what would be right, before TensorFlow and any file."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import python
from PIL import Image

from nst import __version__
from nst.cli.checks import check_run
from nst.config import USER_ERRORS, compose, explain, groups, options
from nst.features.vgg import layer_channels

OWN = ["content.image=photo.png", "style.image=painting.png", "network=bundled"]
OWN += ["optimizer=adam", "loss=[content,style,tv]", "size=16", "steps=1"]
VALID = f"Valid: {', '.join(layer_channels('bundled'))}"
NOT_ALLOWED = "is not valid: it must be"
PICTURE = "For a picture of your own write style.image=PATH."
HELP = "`python -m nst.run --cfg job` shows them all"
ONCE = "but a sweep has only one: set it for the whole command, not among the swept values"
SIZES = "a whole number from 16 to 16000, content, or a percentage such as 50%"
QUOTES = "needs its own quotes inside the shell's"

DAMAGED = {  # files of one's own: bytes, line and what is wrong with it
    "tab": (b"image: s.png\n\tscale: 1\n", 2, "found character '\\t' that cannot start any token"),
    "latin": ("image: s.png\n# Gemälde\n".encode("cp1252"), 2, "it is not UTF-8; save it as UTF-8"),
    "utf16": ("image: s.png\n".encode("utf-16"), 1, "it is not UTF-8; save it as UTF-8"),
    "colon": (b"image: s.png\nscale 1\n", 3, "could not find expected ':'"),
    "twice": (b"image: s.png\nimage: t.png\n", 2, "found duplicate key image"),
    "windows": (b'image: "C:\\Users\\me"\n', 1, "expected escape sequence of 8 hexadecimal"
    " numbers, but found 's'"),
}  # fmt: skip

# Arguments, and the line (without "nst: "); {folder} is where the command is given.
WRONG: dict[str, str] = {
    # misspelt keys
    "alhpa=1e3": f"alhpa: there is no such key. Did you mean 'alpha'? {HELP}",
    "-m search=best search.trials=9": "search.trials: there is no such key. "
    f"Did you mean 'search.n_trials'? {HELP}",
    "netwerk=vgg19": f"netwerk: there is no such key. Did you mean 'network'? {HELP}",
    "loss.style.wieght=3": "loss.style.wieght: there is no such key. "
    f"Did you mean 'loss.style.weight'? {HELP}",
    "observer.snapshot.every=3": "observer.snapshot.every: there is no such key. "
    f"Did you mean 'observer.snapshots.every'? {HELP}",
    "learning_rate=1": "learning_rate: there is no such key. "
    f"Did you mean 'optimizer.learning_rate'? {HELP}",
    "hydra.run.dri=x": f"hydra.run.dri: there is no such key. Did you mean 'hydra.run.dir'? {HELP}",
    "optimizer=lbfgs optimizer.histroy=3": "optimizer.histroy: there is no such key. "
    f"Did you mean 'optimizer.history'? {HELP}",
    "optimizer.history=3": "optimizer.history: no chosen option of optimizer has such a key; "
    "optimizer=lbfgs has it",
    "loss=[style] loss.tv.weight=1": "loss.tv.weight: no chosen option of loss has such a key; "
    "loss=+tv has it",
    "steps=1e2": "steps: 100.0 is not a whole number: write 100",
    "size=1e3": "size: 1000.0 is not a whole number: write 1000",
    "+foo=3": "foo: nothing reads this key.",
    "+style.scal=1": "style.scal: nothing reads this key. Did you mean 'scale'?",
    "++alphaa=3": "alphaa: nothing reads this key. Did you mean 'alpha'?",
    # misspelt options
    "style=stary": "style=stary: there is no such option. Did you mean 'starry'? ",
    "init=noize": "init=noize: there is no such option. Did you mean 'noise'? "
    "Valid: blend, content, file, noise, style",
    "network=vgg99": "network=vgg99: there is no such option. Did you mean 'vgg19'? "
    "Valid: auto, bundled, keras, vgg16, vgg19",
    "loss=[content,stile]": "loss=stile: there is no such option. Did you mean 'style'? "
    f"Valid: {', '.join(options('loss'))}",
    "optimizer=adma": "optimizer=adma: there is no such option. Did you mean 'adam'? "
    "Valid: adam, keras, lbfgs, lbfgs_unbounded, sgd",
    "experiment=gatys15": "experiment=gatys15: there is no such option. Did you mean 'gatys2015'? ",
    "+experiment=gatys2015": "+experiment: an option is chosen already; "
    "write experiment=… without the +",
    "style=3": "style=3: a group takes the name of one of its options",
    "observer=null": "observer=null: a group takes the name of one of its options",
    "=3": "=3: a group takes the name of one of its options",
    # layers
    "loss.content.layers=[conv4_2]": "loss.content.layers: bundled has no layer conv4_2. "
    f"Did you mean 'block4_conv2'? {VALID}",
    "loss.content.layers=[relu3_1]": "loss.content.layers: bundled has no layer relu3_1. "
    f"Did you mean 'block3_conv1'? {VALID}",
    "loss.style.layers=[block1_conv1,block4_con2]": "loss.style.layers: bundled has no layer "
    f"block4_con2. Did you mean 'block4_conv2'? {VALID}",
    "loss.style.layers=[]": "loss.style.layers: name at least one layer, "
    "or leave the term out of loss=[…]",
    "loss.style.layers=block1_conv1": "loss.style.layers: it takes a list: [first,second]",
    "loss.style.layers=[block1_conv1,block1_conv1]": "loss.style.layers: a layer is named twice in "
    "['block1_conv1', 'block1_conv1']",
    # types
    "alpha=abc": "alpha: abc is not a number",
    "alpha=true": "alpha: True is not a number",
    "alpha=null": "alpha: it needs a value",
    "alpha=": "alpha:  is not a number",
    "~pyramid=4.1": "~pyramid=4.1: what is left out takes no value: ~KEY",
    "~=4.1": "~=4.1: what is left out takes no value: ~KEY",
    "si\x1b\u2028ze=1": "si\N{REPLACEMENT CHARACTER} ze=1: a value with characters such as =, #, & "
    f"or brackets {QUOTES}: \"si\N{REPLACEMENT CHARACTER} ze='1'\"",
    "seed=1.5": "seed: 1.5 is not a whole number",
    "network.normalize=perhaps": "network.normalize: perhaps is neither true nor false",
    "runtime.deterministic=maybe": "runtime.deterministic: maybe is neither true nor false",
    "loss.style.layer_weights=[1,1,1,1,x]": "loss.style.layer_weights[4]: x is not a number",
    "optimizer.options.beta_1=high": "optimizer.options.beta_1: high is neither a number "
    "nor true or false",
    # ranges, nan and infinity
    "alpha=1e−3": "alpha=1e−3: the minus of a number is the hyphen: alpha=1e-3",
    "alpha=-1": f"alpha=-1.0 {NOT_ALLOWED} a number of 0 or more",
    "alpha=nan": f"alpha=nan {NOT_ALLOWED} a number of 0 or more",
    "beta=inf": f"beta=inf {NOT_ALLOWED} a number of 0 or more",
    "size=15": f"size=15 {NOT_ALLOWED} {SIZES}",
    "size=contents": f"size=contents {NOT_ALLOWED} {SIZES}",
    "size=0%": f"size=0% {NOT_ALLOWED} {SIZES}",
    "size=20%": "size=20%: that is 5 px here; the long side is 16 to 16000",
    "-m size=content,20%": "size=20%: that is 5 px here; the long side is 16 to 16000",
    "size=17000": f"size=17000 {NOT_ALLOWED} {SIZES}",
    "margin=257": f"margin=257 {NOT_ALLOWED} a number from 0 to 256",
    "steps=0": f"steps=0 {NOT_ALLOWED} a number of 1 or more",
    "steps=99999999999999999999": f"steps=99999999999999999999 {NOT_ALLOWED} a number from 1 to "
    "1000000000",
    "seed=-1": f"seed=-1 {NOT_ALLOWED} a number from 0 to 4294967295",
    "style.scale=0": f"style.scale=0 {NOT_ALLOWED} a number from 0.1 to 4",
    "init.noise=2": f"init.noise=2.0 {NOT_ALLOWED} a number from 0 to 1",
    "init.base=fil": f"init.base=fil {NOT_ALLOWED} one of content, style, file. "
    "Did you mean 'file'?",
    "network.padding=zero": f"network.padding=zero {NOT_ALLOWED} one of zeros, replicate. "
    "Did you mean 'zeros'?",
    "runtime.precision=float61": f"runtime.precision=float61 {NOT_ALLOWED} one of auto, float32, "
    "bfloat16, float16. Did you mean 'float16'?",
    "runtime.threads=0": f"runtime.threads=0 {NOT_ALLOWED} a number from 1 to 1024",
    "optimizer.learning_rate=0": f"optimizer.learning_rate=0.0 {NOT_ALLOWED} a number above 0",
    "optimizer.average=1": f"optimizer.average=1.0 {NOT_ALLOWED} a number from 0 to below 1",
    "optimizer.levels=0": f"optimizer.levels=0 {NOT_ALLOWED} a number from 1 to 10",
    "optimizer.growth=0": f"optimizer.growth=0.0 {NOT_ALLOWED} a number above 0",
    "optimizer=lbfgs optimizer.history=0": f"optimizer.history=0 {NOT_ALLOWED} "
    "a number of 1 or more",
    "pyramid.factor=1": f"pyramid.factor=1.0 {NOT_ALLOWED} a number above 1",
    "loss.tv.weight=nan": f"loss.tv.weight=nan {NOT_ALLOWED} a number of 0 or more",
    "observer.metrics.every=0": f"observer.metrics.every=0 {NOT_ALLOWED} a number of 1 or more",
    # what does not fit together
    "loss.style.layers=[block1_conv1,block2_conv1,block3_conv1] loss.style.layer_weights=[1,2]": ""
    "loss.style.layer_weights: 2 numbers for 3 layers; "
    "give one for each, or null",
    "loss.content.layers=[block4_conv2] loss.content.layer_weights=[nan]": ""
    "loss.content.layer_weights: [nan] must all be 0 or more",
    "alpha=0 beta=0 loss.tv.weight=0": "loss: every weight is 0, so nothing would change; "
    "set alpha or beta",
    "loss=[]": "loss: name at least one term, for example loss=[content,style]",
    "~style": "style.scale: it needs a value",
    "~style.image": "style.image: it cannot be left out",
    "init=file": "init.image: init=file needs a picture: add init.image=PATH",
    "init.image=photo.png": "init.image=photo.png: nothing reads it; add init=file",
    # an unset variable is not the current folder
    **{
        f"{more}{key}=": f"{key}: the path is empty; {key}=. is the current folder"
        for more, key in [
            ("", "hydra.run.dir"),
            ("-m alpha=1,2 ", "hydra.sweep.dir"),
        ]
    },
    "replay=": "replay: the path is empty; it takes the folder of a run, or its result.png",
    **{
        f"{key}=": f"{key}= {NOT_ALLOWED} a path, or null"
        for key in ("style.image", "content.regions", "content.weight_map")
    },
    "style.image=[painting.png,'']": f"style.image=['painting.png', ''] {NOT_ALLOWED} "
    "a path, or null",
    "network.weights=mine.h5": "network.weights: the bundled network has its own; "
    "use network=vgg19",
    "network=vgg19 network.weights=mine.h5": "network.weights: no file mine.h5.",
    "network=vgg19 network.weights=photo.png": "network.weights: photo.png is not a Keras "
    "file (.weights.h5 or .h5)",
    "network=vgg19 network.weights=text.h5": "{folder}/text.h5 is damaged, or not an HDF5 file: ",
    "evaluation.network=vgg19 evaluation.weights=folder": "evaluation.weights: folder is a folder: "
    "give the path of a file",
    "hydra.run.dir=photo.png/run": "hydra.run.dir: photo.png/run cannot be created: "
    "{folder}/photo.png is not a writable folder",
    "loss=[content,mrf] loss.mrf.patch=2": f"loss.mrf.patch=2 {NOT_ALLOWED} an odd number of 1 "
    "or more",
    "loss=[content,shifted] loss.shifted.shifts=[2,0]": f"loss.shifted.shifts=[2, 0] {NOT_ALLOWED} "
    "a number of 1 or more",
    "runtime.tile=1.5": "runtime.tile: 1.5 is not a whole number",
    "content=[harbour,tubingen]": "content=[harbour,tubingen]: content= takes the name of one "
    "option",
    "content.regions=[a.png]": "content.regions: ['a.png'] is a list, but it takes a single value",
    "replay=folder": "folder is not a run folder: it has no config.yaml. Run folders are under "
    "outputs/.",
    "-m runtime.threads=1,2": "runtime.threads: TensorFlow takes it once per process, which jobs "
    "of a sweep share: ",
    "-m alpha=1,2 --cfg job": "--cfg is of a single run: leave out -m and name one value each",
    "--forecast -m alpha=1,2": "--forecast is of a single run: leave out -m and name one value "
    "each",
    "--forecast experiment=sweep_layers": "--forecast is of a single run, and this is a sweep, "
    "also without -m: add hydra.mode=RUN, and a value for each setting that it sweeps",
    # images
    "content.image=phto.png": "content.image: {folder}/phto.png does not exist. "
    "Did you mean 'photo.png'?",
    "content.image=broken.png": "content.image: {folder}/broken.png is a link to nowhere.png, "
    "which does not exist",
    "content.image=nowhere/photo.png": "content.image: {folder}/nowhere/photo.png does not exist: "
    "there is no folder {folder}/nowhere",
    "style.image=text.jpg": "style.image: {folder}/text.jpg is not an image "
    "(formats read: jpg, png, webp, tiff, bmp, gif, avif, jp2, heic)",
    "style.image=empty.png": "style.image: {folder}/empty.png is empty (zero bytes): "
    "fetch or save it again",
    "content.image=folder": "content.image: folder is a folder: add -m for a job per picture, "
    "nst -m content.image='folder'",
    "init=file init.image=phot.png": "init.image: {folder}/phot.png does not exist. "
    "Did you mean 'photo.png'?",
    "content.image=asset:content/harbor.jpg": "content.image: nothing called "
    "asset:content/harbor.jpg ships with nst. Did you mean 'asset:content/harbour.jpg'?",
    "content.image=http://127.0.0.1:9/x.png": "content.image: cannot fetch "
    "http://127.0.0.1:9/x.png: Connection refused; check the connection, or give a local file",
    # the command line itself
    "photo.png": "photo.png: write content.image=photo.png or style.image=photo.png",
    "alpha": "alpha: write KEY=VALUE, for example alpha=1e3 (--help shows the keys)",
    "alpha=1e2,1e3": "alpha=1e2,1e3: a comma lists the values of a sweep, as in "
    "nst -m alpha=1e2,1e3. Where a key takes a list write 'alpha=[1e2,1e3]', for a text with a "
    "comma \"alpha='1e2,1e3'\"",
    "init.base=a=b": "init.base=a=b: a value with characters such as =, #, & or brackets "
    f"{QUOTES}: \"init.base='a=b'\"",
    # what follows a key that takes a path is a path
    "style.image=a=b.png": "style.image: {folder}/a=b.png does not exist.",
    "style.image=paint(1)ng.png": "style.image: {folder}/paint(1)ng.png does not exist. "
    "Did you mean 'painting.png'?",
    "content=photo.png": "content=photo.png: content= takes the name of an option. "
    "For a picture of your own write content.image=photo.png",
    "style=odd/a#b.png": "style=odd/a#b.png: style= takes the name of an option. "
    "For a picture of your own write style.image=odd/a#b.png",
    "hydra/sweeper=optuna": "hydra/sweeper=optuna: neither Hydra nor an installed package has "
    "such an option",
    # files of one's own
    "--config-dir=": "--config-dir is empty: give a folder",
    "--config-dir nowhere": "--config-dir: there is no folder nowhere",
    "--config-dir Pete's style=mine alpha=-1": f"alpha=-1.0 {NOT_ALLOWED} a number of 0 or more",
    **{
        f"{more}--config-dir Pete's style={name}": f"{{folder}}/Pete's/style/{name}.yaml, "
        f"line {line}: {problem}"
        for more in ("", "--cfg job ")
        for name, (_, line, problem) in DAMAGED.items()
    },
    "--config-dir Pete's style=listed": "{folder}/Pete's/style/listed.yaml cannot be composed: ",
    "--halp": "--halp: there is no such option. Did you mean '--help'?",
    "--cfg jop": "argument --cfg/-c: invalid choice: 'jop' "
    "(choose from 'job', 'hydra', 'all') (--help shows how)",
    # a sweep of which one job is wrong
    "-m optimizer=adam,lbfgs optimizer.history=5": "optimizer.history: no chosen option of "
    "optimizer has such a key; optimizer=lbfgs has it",
    "-m optimizer=lbfgs,lbfgs_unbounded optimizer.histroy=5": "optimizer.histroy: there is no such "
    f"key. Did you mean 'optimizer.history'? {HELP}",
    "-m alpha=1,2 hydra.launcher.n_jobs=2": "hydra.launcher.n_jobs: no chosen option has such a "
    "key; runtime=parallel has it",
    "-m experiment=sweep_alpha_beta,sweep_layers": "0_experiment=sweep_alpha_beta sets its own "
    f"sweeper, {ONCE}",
    "-m runtime=default,parallel": f"1_runtime=parallel sets its own launcher, {ONCE}",
    "-m style=glob(*)": "style=glob(*): list the values, with commas between them",
    "-m alpha=interval(0,1)": "alpha=interval(0,1): list the values, with commas between them; "
    "an interval is for a search, such as search=pareto",
    "-m alpha=tag(log,interval(1e2))": "alpha=tag(log,interval(1e2)): a range is written "
    "interval(low,high), int(interval(low,high)), tag(log,interval(low,high)) or "
    "range(start,stop,step), with numbers",
    "-m seed=range(0,99999999)": "seed=range(0,99999999): it has more than 10000 values",
    "-m seed=range(0,1000) alpha=range(1,1000)": "-m: 999000 jobs are too many, a sweep has up to "
    "10000",
    "-m seed=range(0,9,0)": "seed=range(0,9,0): a range has finite ends and a step other than 0",
    "+observer.mine={_target_:pathlib.Path}": "mine: there is no such option; a class of your own "
    "is named in a file of --config-dir",
    "--config-dir=piped style=pipe": "--config-dir: piped/style/pipe.yaml is a device or pipe; "
    "remove it",
    "hydra.output_subdir=../x": "hydra.output_subdir=../x: it is a folder in the run's own, such "
    "as .hydra; hydra.run.dir is where the run writes",
    "hydra.job_logging.root.level=NOPE": "hydra.job_logging: Unknown level: 'NOPE'",
    "-m seed=1,2 hydra.sweep.subdir=../x": "hydra.sweep.subdir=../x: each job has a folder of its "
    "own in that of the sweep; hydra.sweep.dir is where the sweep writes",
    "-m seed=1,2 hydra.sweep.subdir=x": "hydra.sweep.subdir: two jobs have the folder x; "
    "'hydra.sweep.subdir=${hydra.job.num}' tells them apart",
    "-m search=best alpha=interval(1,9) hydra.sweep.subdir=x": "hydra.sweep.subdir: in a search "
    "each folder is named after its number and _: 'hydra.sweep.subdir=${hydra.job.num}_NAME'",
    "-m seed=1,2 hydra.sweeper.max_batch_size=0": "hydra.sweeper.max_batch_size=0: at least 1, or "
    "null for all jobs",
    "-m resume=a,b": "resume=a: a run is continued by itself, without -m",
    "-m hydra.sweep.dir=a,b": "hydra.sweep.dir=a,b: all jobs of a command share it; give one value",
    "-m alpha=1e2,-3": f"alpha=-3.0 {NOT_ALLOWED} a number of 0 or more",
    "-m style=starry,stary": "style=stary: there is no such option. Did you mean 'starry'? ",
    "-m init.image=photo.png,phot.png init=file": "init.image: {folder}/phot.png does not exist. "
    "Did you mean 'photo.png'?",
}
# Not only how it begins.
WHOLE = {case for case, line in WRONG.items() if not line.endswith(("? ", ": "))}

# Gives each command line of the standard input to nst.run.run, and tells what came of it.
ASK = """
import contextlib, io, json, os, sys
from nst.cli.app import run

answers = {}
for case, arguments in json.load(sys.stdin).items():
    before, out, err = set(os.listdir()), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    answers[case] = {
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "written": sorted(set(os.listdir()) - before),
        "tensorflow": "tensorflow" in sys.modules,
    }
    assert not answers[case]["tensorflow"], f"{case} imports TensorFlow"
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are given: two pictures, and files that are none."""
    folder = tmp_path_factory.mktemp("here").resolve()
    for seed, name in enumerate(("photo.png", "painting.png")):
        values = np.random.default_rng(seed).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)
    (folder / "text.jpg").write_text("no picture")
    (folder / "text.h5").write_text("no weights")
    (folder / "empty.png").touch()
    (folder / "broken.png").symlink_to("nowhere.png")
    (folder / "folder").mkdir()
    (folder / "odd").mkdir()
    (folder / "odd" / "a#b.png").touch()
    (folder / "piped" / "style").mkdir(parents=True)
    os.mkfifo(folder / "piped" / "style" / "pipe.yaml")
    (folder / "Pete's" / "style").mkdir(parents=True)
    for name, (data, _, _) in DAMAGED.items():
        (folder / "Pete's" / "style" / f"{name}.yaml").write_bytes(data)
    (folder / "Pete's" / "style" / "folder.yaml").mkdir()
    (folder / "Pete's" / "style" / "listed.yaml").write_text("defaults: 3")
    (folder / "Pete's" / "style" / "mine.yaml").write_text("image: painting.png\nscale: 1\n")
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """What the commands answer, all from one process: TensorFlow would show in it."""
    cases = {case: [*own(case), *case.split(" ")] for case in WRONG}
    cases |= {
        case: case.split(" ") for case in ("--help", "--version", "--cfg job", "--cfg job -p loss")
    }
    done = python("-c", ASK, cwd=folder, text=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def own(case: str) -> list[str]:
    """Overrides that make a wrong command line right but for what is wrong."""
    keys = [word.lstrip("~+").split("=")[0] for word in case.split(" ")]
    return [word for word in OWN if word.split("=")[0] not in keys]


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_answered_in_one_line(
    case: str, answers: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    answer, line = answers[case], f"nst: {WRONG[case].replace('{folder}', str(folder))}"
    assert answer["err"].endswith("\n")
    assert answer["err"].count("\n") == 1
    assert answer["err"].rstrip("\n") == line if case in WHOLE else answer["err"].startswith(line)
    assert (answer["status"], answer["out"], answer["written"]) == (2, "", [])
    assert answer["tensorflow"] is False


def test_every_option_is_named_where_one_is_wrong(answers: Mapping[str, Mapping[str, Any]]) -> None:
    answer = answers["style=stary"]["err"]
    assert PICTURE in answer
    for style in options("style"):
        assert style in answer.partition("Valid: ")[2].rstrip().split(", ")


def test_help_is_a_page_for_people(answers: Mapping[str, Mapping[str, Any]]) -> None:
    answer = answers["--help"]
    assert (answer["status"], answer["err"], answer["tensorflow"]) == (0, "", False)
    page = answer["out"]
    for handle in ("alpha=1e3", "beta=", "size=", "steps=", "seed=0", "content.image="):
        assert f"  {handle}" in page
    for group in groups():
        assert f"\n  {group} " in page
        for option in options(group):
            assert option in page
    assert "_base" not in page
    assert page.count("\n  python -m nst.run ") >= 5
    assert max(map(len, page.splitlines())) <= 110


def test_version_is_that_of_nst(answers: Mapping[str, Mapping[str, Any]]) -> None:
    assert (answers["--version"]["status"], answers["--version"]["out"]) == (
        0,
        f"nst {__version__}\n",
    )


def test_the_examples_of_the_help_compose(answers: Mapping[str, Mapping[str, Any]]) -> None:
    from nst.config.composition import compose

    lines = [line.split() for line in answers["--help"]["out"].splitlines()]
    examples = [line[3:] for line in lines if line[:3] == ["python", "-m", "nst.run"]]
    for example in examples[1:]:  # the first is the pattern of them all
        compose([word.split(",")[0] for word in example if word != "-m"])


def test_cfg_shows_the_configuration(answers: Mapping[str, Mapping[str, Any]]) -> None:
    whole, part = answers["--cfg job"], answers["--cfg job -p loss"]
    assert whole["status"] == part["status"] == 0
    assert whole["tensorflow"] is part["tensorflow"] is False
    assert whole["written"] == part["written"] == []
    assert "alpha: 1000.0" in whole["out"]
    assert "weight: ${alpha}" in part["out"]
    assert textwrap.indent(part["out"].partition("\n")[2], "  ") in whole["out"]


@pytest.mark.parametrize("case", ["alhpa=1e3", "content.image=phto.png", "-m alpha=1e2,-3"])
def test_the_command_itself_says_the_same(
    case: str, folder: Path, answers: Mapping[str, Mapping[str, Any]]
) -> None:
    before = sorted(folder.iterdir())
    done = python("-m", "nst.run", *own(case), *case.split(" "), cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == answers[case]["err"]
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["loss.tv._target_=nst.losses.TotalVariatio"],
            "loss.tv._target_: there is no nst.losses.TotalVariatio",
        ),
        (
            ["optimizer.name=Adamm"],
            "optimizer.name: Keras has no optimizer Adamm. Did you mean 'Adam'?",
        ),
        (
            ["optimizer=keras", "+optimizer.options.roh=0.9"],
            "optimizer.options: Keras' RMSprop has no option roh. Did you mean 'rho'?",
        ),
        (
            ["+optimizer.options.clipnorm=1", "+optimizer.options.clipvalue=1"],
            "optimizer.options: Keras' Adam says: Only one of",
        ),
        (
            ["observer.snapshots._target_=pathlib.Path"],
            "observer.snapshots._target_: pathlib.Path is no observer, it lacks finish, start, "
            "step; see nst.observers.Observer",
        ),
        (
            ["optimizer._target_=nst.observers.Observer"],
            "optimizer: nst.observers.base.Observer cannot be built: Observer() takes no arguments",
        ),
        (
            ["loss.tv._target_=nst.observers.Observer"],
            "loss.tv._target_: nst.observers.Observer is no term, it lacks distances, layers, ",
        ),
        (
            ["loss=[cross_layer]", "loss.cross_layer.layers=[block2_conv1,block1_conv1]"],
            "layers: name them from fine to coarse, received ['block2_conv1', 'block1_conv1']",
        ),
        (
            ["loss=[cross_layer]", "loss.cross_layer.layers=[block1_pool]"],
            "layers: block1_pool is no convolution of a VGG, such as block1_conv1",
        ),
        (
            [
                *("loss=[self_similarity,style]", "loss.self_similarity.positions=100000000"),
                "size=512",
            ],
            "loss.self_similarity.positions: comparing each position with every other takes about ",
        ),
    ],
)
def test_what_only_the_classes_know_is_said_before_the_run(
    overrides: list[str], line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    keys = {override.split("=")[0] for override in overrides}
    given = [*(own for own in OWN if own.split("=")[0] not in keys), *overrides]
    given += ["hydra.run.dir=never"]
    with pytest.raises(USER_ERRORS) as raised:
        check_run(compose(given, hydra=True), given)
    assert explain(raised.value).startswith(line)
    assert not Path("never").exists()
