"""Imports run downwards only: from the command line to the chain to the rooms, and never back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nst

SOURCE = Path(nst.__file__).parent
# From the bottom up. A room is a folder or a module; those of one line may use each other.
ORDER = (
    *(
        "errors",
        "runtime",
        "files",
        "images",
        "metrics",
        "features",
        "memory",
        "scales",
        "config",
        "losses",
    ),
    *(
        "sources",
        "optimizers",
        "canvas",
        "initial",
        "objective",
        "record",
        "loop",
        "runs observers",
        "colours",
        "distances",
        "evaluation",
        "parts",
        "studio",
        "forecast",
        "transfer",
    ),
    *("sweeps", "compare", "regions", "cli", "run tensorboard"),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms.split()}


def modules() -> dict[str, Path]:
    """Every module of nst by its dotted name."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The modules of nst that a module imports, wherever in its text; not those for types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in MODULES} - {""} <= set(RANK)


@pytest.mark.parametrize("module", [name for name in sorted(MODULES) if room(name)])
def test_no_import_runs_upwards(module: str) -> None:
    own = RANK[room(module)]
    # The package itself is what a library's user imports; a room takes its version from there only.
    against = [name for name in imported(MODULES[module]) if room(name) and RANK[room(name)] > own]
    assert against == []


def test_no_modules_import_each_other() -> None:
    graph = {
        name: {other for other in imported(path) if other not in (name, "nst")}
        for name, path in MODULES.items()
        if name != "nst"
    }
    assert sum(map(len, graph.values())) > 100
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
