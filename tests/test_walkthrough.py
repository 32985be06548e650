"""The notebook: runs from the first cell to the last, is in step with its source, and is light."""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's client has warnings of its own
ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "scripts" / "walkthrough.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
MOST_BYTES = 4_000_000
CHEAPER = {  # of pictures to look at: what cells check holds at fewer pixels and steps too
    '"size=512", "steps=100"': '"size=128", "steps=20"',
    '"size=256", "steps=90"': '"size=96", "steps=90"',
    '"size=160",\n    "steps=40"': '"size=64",\n    "steps=4"',
    "ALL_STEPS = 120": "ALL_STEPS = 40",
    "evaluations=100": "evaluations=40",
    "minimise(J, image, 60)": "minimise(J, image, 30)",
    "alpha=ratio * BETA), content, 60)": "alpha=ratio * BETA), content, 30)",
    "repeats=15": "repeats=3",
}
NOWHERE = "http://127.0.0.1:9"  # nothing listens there: a proxy that makes "offline" certain


def solutions(markdown: str) -> list[str]:
    """The code of the hidden solutions in a text."""
    hidden = re.findall(r"<details>.*?</details>", markdown, flags=re.DOTALL)
    return [
        code
        for text in hidden
        for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    ]


def cheaper(notebook: Any) -> Any:
    """The notebook with fewer pixels and steps in its costly cells."""
    notebook = copy.deepcopy(notebook)
    for costly, cheap in CHEAPER.items():
        (cell,) = (c for c in notebook.cells if c.cell_type == "code" and costly in c.source)
        cell.source = cell.source.replace(costly, cheap)
    return notebook


def with_solutions(notebook: Any) -> Any:
    """The notebook with each exercise followed by its solution, as a cell of its own."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            cells += [nbformat.v4.new_code_cell(code) for code in solutions(cell.source)]
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


@pytest.fixture(scope="module")
def source() -> Any:
    return jupytext.read(SOURCE)


@pytest.fixture(scope="module")
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_runs_offline_from_first_cell_to_last_solutions_included(
    source: Any, tmp_path: Path
) -> None:
    """Any error and any failed assertion in a cell ends the execution, and so fails this test."""
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
        "KERAS_HOME": str(tmp_path / "keras"),  # no VGG19 here, whatever this machine has cached
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
    }
    complete = cheaper(with_solutions(source))
    assert len(complete.cells) > len(source.cells) + 10
    client = NotebookClient(
        complete, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    )
    client.execute(env=env)

    printed = "".join(o.text for c in complete.cells for o in c.get("outputs", []) if "text" in o)
    assert "network=bundled" in printed  # auto fell back, and the notebook says so
    assert list(work.iterdir()) == []  # it writes into a temporary folder only …
    assert [
        p.name for p in temporary.iterdir() if p.name.startswith("nst-")
    ] == []  # … and cleans up


def test_notebook_is_in_step_with_its_source(source: Any, notebook: Any) -> None:
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ], "make it anew: .venv/bin/jupytext --to notebook --execute scripts/walkthrough.py"


def test_notebook_was_executed_in_one_go_and_without_error(notebook: Any) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) > 25


def test_opens_with_the_command_that_starts_it_as_the_readme_has_it(source: Any) -> None:
    (command,) = re.findall(r"^    (\S.*jupyter lab.*)$", source.cells[0].source, re.MULTILINE)
    assert f"    {command}\n" in (ROOT / "README.md").read_text()


def test_notebook_is_light() -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_every_part_ends_with_exercises(source: Any) -> None:
    text = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    parts = re.split(r"^# Part \d+", text, flags=re.MULTILINE)[1:]
    assert len(parts) == 12
    for part in parts:
        assert "### Exercises" in part
        assert part.count("<details>") == part.count("</details>") >= 2
