"""Every option composes, every key is explained and read, and wrong keys and types are refused."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.utils import get_class
from omegaconf import MISSING, DictConfig, OmegaConf
from PIL import Image

import nst
from nst.cli.app import run
from nst.config import CONF_DIR, check, compose, composition, groups, options, schema
from nst.config.names import label, stem
from nst.config.nodes import NODES
from nst.config.overrides import PATHS, drawn, multiplied, parse, with_paths_quoted
from nst.config.ranges import CHECKS, NODE_CHECKS
from nst.config.settings import FEEDS, WITHOUT_INFLUENCE, hparams
from nst.errors import InputError
from nst.losses import Term
from nst.runs.replay import effective
from nst.sources import gather, resolved

SOURCE = Path(nst.__file__).parent
SEVERAL = ("loss", "observer")  # groups of which several options are chosen at once
OPTIONS = [(group, option) for group in groups() for option in options(group)]
OTHERS = [(group, option) for group, option in OPTIONS if group != "experiment"]
SWEEPS = (
    "gatys2015_figure3",
    *(name for name in options("experiment") if name.startswith("sweep_")),
)
EXPERIMENTS = [option for option in options("experiment") if option not in SWEEPS]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures that differ."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("photo.png", "painting.png", "start.png")):
        values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)
    return folder


@lru_cache
def composed(group: str, option: str) -> DictConfig:
    """The configuration with this option."""
    choice = f"{group}=[{option}]" if group in SEVERAL else f"{group}={option}"
    return compose([choice, "init.image=start.png"] if option == "file" else [choice])


def leaves(config: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in config:
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            yield from leaves(node, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def commented(path: Path) -> dict[str, tuple[str, str]]:
    """Value and comment of every key of a file that has a value on its line, by dotted name."""
    found, parents, text = {}, [], path.read_text("utf-8")
    for line in text.split("\nhydra:")[0].splitlines():  # Hydra's own are explained in its manual
        match = re.match(r"( *)([\w.]+):(?: +([^#]*?))?(?: *# (.*))?$", line)
        if match is None:
            continue
        indent, key, value, comment = match.groups()
        parents = [*parents[: len(indent) // 2], key]
        if value and key != "_target_":
            found[".".join(parents)] = (value, comment or "")
    return found


# --- every option -----------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_option_composes_and_passes_the_checks(group: str, option: str) -> None:
    config = composed(group, option)
    check(config)
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    assert plain["alpha"] > 0
    assert plain["loss"], "an option must not empty the rest"


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_file_opens_with_what_it_is_about(group: str, option: str) -> None:
    lines = (CONF_DIR / group / f"{option}.yaml").read_text("utf-8").splitlines()
    package = {"loss": "loss", "observer": "observer", "experiment": "_global_"}.get(group)
    if group == "search" or (group, option) in (("runtime", "parallel"), ("runtime", "slurm")):
        package = "_global_"  # with a sweeper or a launcher
    if package:
        assert lines.pop(0) == f"# @package {package}"
    assert re.match(r"# .{20,}", lines[0])
    if group == "experiment":
        assert lines[1].startswith(f"#   python -m nst.run experiment={option}"), "how to run it"
        assert lines[2].startswith("# "), "what to expect"


def test_groups_are_those_of_the_design() -> None:
    expected = "content style color init network loss optimizer pyramid observer runtime experiment"
    assert groups() == sorted([*expected.split(), "search"])
    assert {"alpha", "beta", "seed", "size", "steps"} < set(compose())


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment_changes_something_and_invents_no_key(experiment: str) -> None:
    assert composed("experiment", experiment) != composed("init", "content")
    known = {re.sub(r"^optimizer\.options\.\w+$", "optimizer.options", key) for key in documented()}
    for key in commented(CONF_DIR / "experiment" / f"{experiment}.yaml"):
        key = re.sub(r"^optimizer\.options\.\w+$", "optimizer.options", key)
        assert key in known, f"{key} is explained nowhere in conf/"


def test_the_paper_s_setting() -> None:
    config = composed("experiment", "gatys2015")
    assert config.network.pooling == "avg"
    assert config.init.noise == 1.0  # white noise, nothing of the content image
    assert config.pyramid.min_size is None  # a single scale
    assert config.optimizer._target_ == "nst.optimizers.LBFGS"
    assert config.optimizer.bounded is False
    assert list(config.loss) == ["content", "style"]  # no total variation
    assert list(config.loss.content.layers) == ["block4_conv2"]
    assert list(config.loss.style.layers) == [f"block{i}_conv1" for i in range(1, 6)]
    assert config.loss.style.layer_weights is None  # equal, as in equation 5
    later = composed("experiment", "gatys2016")
    assert (later.init.noise, later.network.pooling) == (0.0, "avg")
    seed = composed("experiment", "seed_repository")
    assert (seed.init.noise, seed.steps, seed.pyramid.min_size) == (1.0, 3000, None)


def test_a_command_line_value_wins_over_an_experiment() -> None:
    config = compose(["experiment=gatys2015", "steps=7", "optimizer=adam", "network.pooling=max"])
    assert (config.steps, config.optimizer.name, config.network.pooling) == (7, "Adam", "max")


# --- every key is explained -------------------------------------------------------------------


def documented() -> dict[str, tuple[str, str]]:
    """Every key of conf/ by its full name, with a value and the comment on its line."""
    found = dict(commented(CONF_DIR / "config.yaml"))
    shared = {path.parent.name: "_base" for path in CONF_DIR.glob("*/_base.yaml")}
    for group, option in [*((g, o) for g, o in OTHERS if g not in shared), *shared.items()]:
        for key, entry in commented(CONF_DIR / group / f"{option}.yaml").items():
            if not key.startswith(("defaults", "hydra.")):
                found[f"{group}.{key.removeprefix(f'{group}.')}"] = entry
    return found


@pytest.mark.parametrize(("group", "option"), [*OTHERS, (".", "config")])
def test_every_key_has_a_comment(group: str, option: str) -> None:
    base = CONF_DIR / group / "_base.yaml"
    shared = commented(base) if base.is_file() else {}
    bare = [
        key
        for key, (_, comment) in commented(CONF_DIR / group / f"{option}.yaml").items()
        if not re.search(r"\w\w|>=? ?\d", shared[key][1] if key in shared else comment)
    ]
    assert not bare


def bounds(comment: str) -> list[tuple[float, bool]]:
    """Numbers that a comment says are the first or last valid one, and whether they are valid."""
    comment = comment.replace("2^32 - 1", str(2**32 - 1))
    number = r"(-?\d+(?:\.\d+)?)"
    span = re.search(rf"{number} (?:\(\w+\) )?to (below )?{number}", comment)
    if span:
        return [(float(span[1]), True), (float(span[3]), span[2] is None)]
    least = re.search(rf"(>=?) {number}", comment)
    if least:
        return [(float(least[2]), least[1] == ">=")]
    least = re.search(rf"{number} or more", comment)
    return [(float(least[1]), True)] if least else []


def ranged() -> Iterator[tuple[str, str]]:
    """Every key whose value must lie in a range, with its comment."""
    for key, (_, comment) in documented().items():
        part = key.rsplit(".", 1)[-1]
        range_check = CHECKS.get(key) or (part in NODE_CHECKS and key.count(".") == 2)
        if range_check and not re.search(r"\w+ or \w+$|, \w+ or \w+|zeros|max \(", comment):
            yield key, comment


@pytest.mark.parametrize(("key", "comment"), list(ranged()))
def test_comment_says_the_range_that_is_checked(key: str, comment: str) -> None:
    test = CHECKS.get(key) or NODE_CHECKS[key.rsplit(".", 1)[-1]]
    assert bounds(comment), f"{key}: '{comment}' names no range"
    for index, (bound, valid) in enumerate(bounds(comment)):
        outside = bound - 1 if index == 0 else bound + 1
        assert (test(bound) is None) == valid, f"{key}={bound:g}"
        assert test(outside) is not None, f"{key}={outside:g}"
    assert test(float("nan")) is not None
    assert test(float("inf")) is not None


def test_the_main_configuration_explains_groups() -> None:
    text = (CONF_DIR / "config.yaml").read_text("utf-8")
    for group in groups():
        assert re.search(rf"^  - {group}: .+ # \w.+$", text, re.MULTILINE), group


# --- every key is read ------------------------------------------------------------------------


def reader() -> str | None:
    """The function of nst that is reading a key just now, as ``module.function``."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("nst."):
            return f"{module.removeprefix('nst.')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return None


@pytest.fixture(scope="module")
def readers(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Which functions read which keys in a whole run: composed, checked, run and recorded."""
    from nst.transfer import transfer

    found: dict[str, set[str]] = defaultdict(set)
    read = DictConfig._get_impl

    def noted(self: DictConfig, key: Any, *args: Any, **kwargs: Any) -> Any:
        found[self._get_full_key(key)].add(str(reader()))
        return read(self, key, *args, **kwargs)

    overrides = [
        f"content.image='{pictures / 'photo.png'}'",
        f"style.image='{pictures / 'painting.png'}'",
        f"init.image='{pictures / 'start.png'}'",
        *("init=file", "network=bundled", "size=16", "steps=1"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DictConfig, "_get_impl", noted)
        config = effective(compose(overrides), overrides)
        check(config)
        gather(config)
        transfer(config, tmp_path_factory.mktemp("run"))
    return found


def consumed(key: str, readers: Mapping[str, set[str]]) -> bool:
    """Whether a key is read by something that neither checks, records nor shows it only."""
    only = ("config.validation.", "config.settings.", "transfer._record", "None")
    records = ("resolved", "identity")
    return any(not name.startswith(only) and not name.endswith(records) for name in readers[key])


def test_every_key_is_read_in_a_run(readers: Mapping[str, set[str]]) -> None:
    config = compose()
    through = re.findall(r"\$\{(\w+)\}", OmegaConf.to_yaml(config))  # alpha and beta feed the loss
    nodes = ("loss.", "optimizer.", "observer.")  # their keys are arguments: see the next test
    keys = [key for key in leaves(config) if not key.startswith(nodes) and key not in through]
    assert len(keys) > 20
    keys.remove("search")  # of the command: a run is one of its trials
    assert [key for key in keys if not consumed(key, readers)] == []
    assert sorted(through) == ["alpha", "beta"]


def test_what_feeds_a_term_is_what_conf_says() -> None:
    found = {}
    for term in options("loss"):
        weight = composition.option("loss", term)[term]._get_node("weight")._value()
        found |= {term: weight[2:-1]} if isinstance(weight, str) else {}
    assert found == FEEDS


def test_keys_without_influence_are_keys() -> None:
    config = compose(hydra=True)
    for key in WITHOUT_INFLUENCE:
        parent, _, last = key.rpartition(".")
        assert last in (OmegaConf.select(config, parent) if parent else config), key


def targets() -> list[tuple[str, str, tuple[str, ...]]]:
    """The nodes with a class: name, class, and the keys that become its arguments."""
    found = {}
    for group, option in OTHERS:
        config = composed(group, option)
        nodes = {**config.loss, **config.observer, "optimizer": config.optimizer}
        for name, node in nodes.items():
            keys = tuple(key for key in node if key != "_target_")
            found[name, node._target_, keys] = None
    return list(found)


@pytest.mark.parametrize(("name", "target", "keys"), targets())
def test_every_key_is_an_argument_that_is_used(
    name: str, target: str, keys: tuple[str, ...]
) -> None:
    assert target.startswith(("nst.losses.", "nst.optimizers.", "nst.observers."))
    kind = get_class(target)
    if issubclass(kind, Term):
        assert "weight" in keys
        keys = tuple(
            key for key in keys if key not in ("weight", "scale", "layer_weights")
        )  # the objective's
    assert set(keys) <= set(inspect.signature(kind).parameters)
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for base in kind.__mro__
        if base.__module__.startswith("nst.")
        for node in ast.walk(ast.parse(Path(inspect.getsourcefile(base) or "").read_text("utf-8")))
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(keys) <= used


# --- values live in conf/ alone ---------------------------------------------------------------


def test_the_schema_holds_no_values() -> None:
    kinds = [*vars(schema).values(), *NODES]
    nodes = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    assert len(nodes) > 10
    for node in nodes:
        for field in dataclasses.fields(node):
            value = field.default
            assert value in (MISSING, None, dataclasses.MISSING), f"{node.__name__}.{field.name}"


def test_no_value_of_a_configuration_has_a_default_in_the_code() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of, arguments = ast.unparse(node.func.value), len(node.args) + len(node.keywords)
                if node.func.attr == "get" and "config" in of.lower() and arguments == 2:
                    found.append(f"{path.name}: {ast.unparse(node)}")
                if of == "OmegaConf" and node.func.attr == "select" and arguments == 3:
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []


def test_no_interpolation_of_hydra_s_own_reaches_the_configuration() -> None:
    assert "${hydra" not in OmegaConf.to_yaml(compose())


# --- wrong keys and types ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "override",
    [
        *("alpha=abc", "alpha=true", "alpha=null", "alpha=[1,2]", "beta={a:1}"),
        *("size=1e3", "size=512.5", "steps=x", "seed=1.5", "network.normalize=perhaps"),
        *("loss.style.layers=block1_conv1", "loss.style.layer_weights=[1,x]", "loss.tv=3"),
        *("optimizer.options=3", "observer.metrics.every=1.5", "runtime.threads=many"),
        *(
            "alhpa=1",
            "style.scal=1",
            "loss.styl.weight=1",
            "observer.metrics.evry=1",
            "optimiser=adam",
        ),
    ],
)
def test_schema_refuses(override: str) -> None:
    with pytest.raises(HydraException):
        compose([override])


@pytest.mark.parametrize(
    "key", ["alhpa", "style.scal", "loss.style.wieght", "observer.metrics.evry"]
)
def test_a_key_forced_in_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"{key}: nothing reads this key. Did you mean"):
        check(compose([f"++{key}=1"]))


@pytest.mark.parametrize("line", ["alhpa: 3", "alpha: high", "optimizer:\n  learning_rte: 0.1"])
def test_schema_holds_for_files_too(line: str, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{line}\n")
    with pytest.raises(HydraException):
        compose([f"hydra.searchpath=['file://{tmp_path}']", "experiment=mine"])


def test_numbers_are_read_as_people_write_them() -> None:
    config = compose(["alpha=1e3", "beta=100", "loss.tv.weight=.5", "seed=4294967295"])
    assert (config.alpha, config.beta, config.loss.tv.weight) == (1000.0, 100.0, 0.5)
    assert isinstance(config.beta, float)
    assert config.seed == 2**32 - 1
    assert config.loss.content.weight == 1000.0
    assert config.loss.style.weight == 100.0


@pytest.mark.parametrize(
    ("size", "pixels"), [("content", 32), ("50%", 16), ("212.5%", 68), ("20", 20)]
)
def test_size_may_follow_the_content_image(size: str, pixels: int, pictures: Path) -> None:
    images = [f"{node}.image={pictures / 'photo.png'}" for node in ("content", "style")]
    config = compose([*images, "network=bundled", f"size={size}"])
    check(config)
    assert resolved(config, gather(config)).size == pixels


# --- hparams and names ------------------------------------------------------------------------


def test_hparams_have_one_type_a_column_whatever_the_option() -> None:
    types: dict[str, set[str]] = {}
    for group, option in OPTIONS:
        plain = OmegaConf.to_container(composed(group, option), resolve=True)
        resolved = OmegaConf.create(plain)
        assert isinstance(resolved, DictConfig)
        for key, value in hparams(resolved).items():
            kind = "number" if type(value) in (int, float) else type(value).__name__
            types.setdefault(key, set()).add(kind)
    assert {key: kinds for key, kinds in types.items() if len(kinds) > 1} == {}
    assert set.union(*types.values()) == {"bool", "number", "str"}


def test_hparams_are_named_as_people_turn_them() -> None:
    columns = hparams(compose(["style=wave", "optimizer=adam", "alpha=7", "loss.style.weight=3"]))
    assert columns["style"] == "wave"
    assert columns["optimizer"] == "adam"
    assert columns["alpha"] == 7
    assert columns["loss.style.layers"].startswith("block1_conv1 ")
    assert columns["loss.style.weight"] == 3.0
    assert "loss.content.weight" not in columns, "alpha says it"
    assert hparams(compose(["pyramid=single", "size=99"]))["pyramid.min_size"] == 99


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a/night sky.jpg", "night_sky"),
        ("https://example.org/x/the%20scream.png?size=3", "the_scream"),
        ("asset:style/starry.jpg", "starry"),
        ("C:\\pictures\\me.png", "me"),
        ("..", "run"),
        ("Tübingen, Straße.jpg", "Tubingen_Stra_e"),
        ("画(1).png", "1"),
        ("x" * 300 + ".png", "x" * 24),
    ],
)
def test_stem_is_a_safe_part_of_a_folder_s_name(image: str, name: str) -> None:
    assert stem(image) == name


def test_label_names_a_job_by_its_changes() -> None:
    assert label("alpha=1000.0,style=wave") == "alpha=1000_style=wave"
    assert label("style.image=a/b c.jpg,loss.tv.weight=0.5") == "style=b_c_weight=0.5"
    assert len(label(",".join(f"key{i}={i}" for i in range(50)))) <= 60


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("content.image=my\\ dog.png", "content=my_dog"),  # as Hydra escapes it
        ("content.image='my dog.png'", "content=my_dog"),
        ("content.image=a\\,b.png", "content=a_b"),
    ],
)
def test_label_keeps_the_whole_name_of_an_image(override: str, name: str) -> None:
    assert label(override) == name


# --- overrides --------------------------------------------------------------------------------

NAMES = ["Gemälde.png", "花.png", "a#b.png", "me&you.png", "a~1.png", "wow!.png", "été 1.png"]
NAMES += ["photo (1).png", "a=b.png", "a,b.png", "it's.png", 'so "called".png', "1e3", "true"]
NAMES += ["[x].png", "{y}.png", "back\\slash.png", "end\\", "Künstler/me;you.png", "choice(a)"]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, which is the home as well, with a file of every name."""
    (tmp_path / "Künstler").mkdir()
    for name in NAMES:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", ["", "~/", "./", "{here}/"])
def test_an_existing_path_is_that_path_as_it_is_typed(name: str, before: str, named: Path) -> None:
    path = before.replace("{here}", str(named)) + name
    for key in (*PATHS, "+init.image", "++init.image", "output.name"):
        (parsed,) = parse([with_paths_quoted(f"{key}={path}")])
        assert (parsed.is_sweep_override(), parsed.value()) == (False, path)


def test_existing_paths_are_listed_as_they_are_typed(named: Path) -> None:
    names = [name for name in NAMES if not name.endswith("\\")]  # no grammar for it in a list
    listed = with_paths_quoted(f"content.image={','.join(names)}")
    jobs = multiplied(drawn([listed]))
    assert [parse(job)[0].value() for job in jobs] == names


def test_a_path_that_may_come_is_taken_too(named: Path) -> None:
    for path in ("~/new#1", "Künstler/new & good"):
        assert parse([with_paths_quoted(f"hydra.run.dir={path}")])[0].value() == path


@pytest.mark.parametrize(
    "override",
    [
        *("content.image=1.png,2.png", "content.image=choice('花.png','me.png')", "resume=null"),
        *("content.image='quoted already.png'", "style=wave", "alpha=1e3", "~style", "no equals"),
    ],
)
def test_what_the_grammar_takes_is_left_to_it(override: str, named: Path) -> None:
    assert with_paths_quoted(override) == override


@pytest.mark.parametrize(
    ("override", "values"),
    [
        ("seed=1,2", [1, 2]),
        ("seed=range(1,4)", [1, 2, 3]),
        ("content.image=choice('花.png','a b.png')", ["花.png", "a b.png"]),
        ("content.image='a,b','c=d'", ["a,b", "c=d"]),
        ("loss=[content],[content,style]", [["content"], ["content", "style"]]),
        ("alpha=choice(1)", [1]),
    ],
)
def test_a_sweep_is_written_out(override: str, values: list[Any]) -> None:
    assert [parse(job)[0].value() for job in multiplied(drawn([override]))] == values


def test_the_same_command_shuffles_alike() -> None:
    state = random.getstate()
    first, again = drawn(["seed=shuffle(range(20))"]), drawn(["seed=shuffle(range(20))"])
    assert random.getstate() == state, "the process's own random numbers are left alone"
    assert first == again
    seeds = [int(seed) for seed in first[0].removeprefix("seed=").split(",")]
    assert seeds != sorted(seeds) == list(range(20))


# --- guests in a program that uses Hydra itself -----------------------------------------------


def test_compose_leaves_the_hydra_of_the_program_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        before = GlobalHydra.instance()
        running = before.hydra
        assert compose().alpha == 1e3
        with pytest.raises(HydraException):
            compose(["alhpa=1"])
        assert GlobalHydra.instance() is before
        assert before.hydra is running is not None
        assert hydra_compose("theirs") == {"a": 1}


def test_threads_compose_at_the_same_time() -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: compose([f"seed={n}"]).seed, range(16)))
    assert found == list(range(16))


# --- other commands -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "missing"], "missing"),
        (["regions", "missing.png"], "missing.png"),
        (["tensorboard", "missing"], "missing"),
        (["forecast", "alpha=much"], "much"),
        (["schema", "alpha=1"], "alpha=1"),
        (["compar", "missing"], "compar: there is no such command. Did you mean 'compare'?"),
    ],
)
def test_the_first_word_names_a_command(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert said in capsys.readouterr().err


# --- the schema for editors -------------------------------------------------------------------


def test_editors_know_every_key_and_refuse_others(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="comes with nbclient")
    assert run(["schema"]) == 0
    found = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft7Validator(found)
    for path in (CONF_DIR / "config.yaml", *(CONF_DIR / "experiment").glob("*.yaml")):
        assert list(validator.iter_errors(yaml_of(path))) == [], path.name
    for wrong in ({"alhpa": 1}, {"alpha": "much"}, {"optimizer": 3}, {"style": {"imag": "a.jpg"}}):
        assert list(validator.iter_errors(wrong)), wrong
    assert "weight of the content term" in found["properties"]["alpha"]["description"]
    (_, one) = found["properties"]["defaults"]["items"]["anyOf"]
    assert "starry" in one["properties"]["style"]["anyOf"][0]["enum"]


def yaml_of(path: Path) -> Any:
    """What an editor reads, which takes 1e3 for a number as OmegaConf does."""
    return OmegaConf.to_container(OmegaConf.load(path))
