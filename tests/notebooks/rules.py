"""The rules for notebooks of this project; each rule returns its breaches, a line each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from openpose_keras.networks.presets import PRESETS
from tests.notebooks.execution import HIDDEN, IMAGES, KEY, code_hash, output_problems, read

LONGEST_CELL = 10  # lines
LARGEST_FILE = 1_200_000  # bytes
HELPERS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the code cells with their numbers; the notebook's first cell is 1."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def parsed(notebook: NotebookNode) -> Iterator[tuple[int, ast.Module | None]]:
    """Yield the code cells as syntax trees, None where one is not plain Python."""
    for number, cell in code_cells(notebook):
        try:
            yield number, ast.parse(cell.source)
        except SyntaxError:
            yield number, None


def is_valid(notebook: NotebookNode) -> list[str]:
    """Require format 4.5, with an identifier for each cell, and the kernel python3."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        return [f"format {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"]
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [str(error).splitlines()[0]]
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    return [] if kernel == "python3" else [f"the kernel is {kernel}, not python3"]


def begins_with_a_promise(notebook: NotebookNode) -> list[str]:
    """Require a title in the first cell, and below it what the reader will see."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell does not begin with '# ' and a title"]
    promise = first.source.partition("\n")[2]
    words = promise.lower().split()
    problems = []
    if len(words) < 10 or not any(word.startswith("you") for word in words):
        problems.append("the first cell does not say below its title what you will see")
    if not re.search(r"\b\d+ (?:minute|second)s?\b", promise):
        problems.append("the first cell does not say how many minutes the notebook takes")
    return problems


def has_short_cells(notebook: NotebookNode) -> list[str]:
    """Require one to ten lines in each code cell."""
    counts = [(number, len(cell.source.splitlines())) for number, cell in code_cells(notebook)]
    return [
        f"cell {number} has {count} lines, not 1 to {LONGEST_CELL}"
        for number, count in counts
        if not 1 <= count <= LONGEST_CELL
    ]


def defines_no_helper(notebook: NotebookNode) -> list[str]:
    """Require plain Python without helpers, which live in the package and are tested there."""
    problems = []
    for number, tree in parsed(notebook):
        if tree is None:
            problems.append(f"cell {number} is not plain Python")
        elif any(isinstance(node, HELPERS) for node in ast.walk(tree)):
            problems.append(f"cell {number} defines a function, a class or a lambda")
    return problems


def ends_with_a_check(notebook: NotebookNode) -> list[str]:
    """Require that the last code cell asserts what was claimed, and that its code is folded."""
    *_, (number, last) = [(0, None), *parsed(notebook)]
    if last is None or not any(isinstance(node, ast.Assert) for node in ast.walk(last)):
        return ["the last code cell has no assert"]
    folded = HIDDEN.items() <= notebook.cells[number - 1].metadata.items()
    return [] if folded else [f"cell {number} has checks and is not folded: metadata {HIDDEN}"]


def says_what_figures_show(notebook: NotebookNode) -> list[str]:
    """Require words for each image: an alternative text, and prose before the next heading."""
    problems, silent = [], None
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown":
            if silent and cell.source.lstrip().startswith("#"):
                problems.append(f"cell {silent} ends a section with a figure, without a word on it")
            silent = None
        for output in cell.get("outputs", ()):
            for kind in output.get("data", {}).keys() & IMAGES:
                silent = number
                told = output.metadata.get(kind, {}).get("alt")
                if not told or told not in output.data.get("text/plain", ""):
                    problems.append(f"cell {number} has an image without an alternative text")
    return problems


def has_exercises(notebook: NotebookNode) -> list[str]:
    """Require two cells of prose that begin with "Try it", each with a folded answer."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    count = sum("**Try it" in source and "<details>" in source for source in prose)
    return [] if count >= 2 else [f"{count} cells say **Try it** and have an answer, not 2"]


def has_the_outputs_of_its_code(notebook: NotebookNode) -> list[str]:
    """Require outputs that were made with this code and with the weights that ship."""
    stored, weights = notebook.metadata.get(KEY, {}), PRESETS["hand_lite"].sha256
    again = "changed since the outputs were made: python -m tests.notebooks --write"
    problems = [] if stored.get("code") == code_hash(notebook) else [f"the code {again}"]
    return problems + ([] if stored.get("weights") == weights else [f"hand_lite {again}"])


def was_run_once_in_order(notebook: NotebookNode) -> list[str]:
    """Require that every code cell was run once, in order, in a fresh kernel."""
    counts = [cell.execution_count for _, cell in code_cells(notebook)]
    in_order = counts == list(range(1, len(counts) + 1))
    return [] if in_order else [f"the cells' counts are {counts}, not 1, 2, 3 ..."]


def shows_no_error(notebook: NotebookNode) -> list[str]:
    """Require outputs without errors, warnings, local paths and memory addresses."""
    return output_problems(notebook)


RULES = (
    is_valid,
    begins_with_a_promise,
    has_short_cells,
    defines_no_helper,
    ends_with_a_check,
    says_what_figures_show,
    has_exercises,
    has_the_outputs_of_its_code,
    was_run_once_in_order,
    shows_no_error,
)


def breaches(path: Path) -> list[str]:
    """Return everything that is wrong with a stored notebook, including its size."""
    notebook, size = read(path), path.stat().st_size
    problems = [each for rule in RULES for each in rule(notebook)]
    if size > LARGEST_FILE:
        problems.append(f"the file has {size:,} bytes, more than {LARGEST_FILE:,}")
    return problems
