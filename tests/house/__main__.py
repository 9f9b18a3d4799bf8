"""Print the figures of the house beside their aims; what lies outside is listed with --list."""

import argparse
import ast
import re
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tests.helpers import ROOT
from tests.house.source import Source, find_duplicates, find_sources, is_annotated

PACKAGE = ROOT / "openpose_keras"
ROOMS = sorted(PACKAGE.glob("*/__init__.py"))
# Names that other libraries look up, or read after they were set.
CALLED_BY_OTHERS = (
    "__getattr__,__dir__,active,align_items,converter,derived_from,disabled,flex_flow,meta,"
    "on_epoch_end,packed,selected,tool,type_name,writeable,"
    "color_primaries,color_range,color_trc,colorspace,pix_fmt,pts,thread_type,time_base"
)
Row = tuple[str, object, str, list[str]]  # what, how much, the aim, what there is to list


def rooms() -> Iterator[Row]:
    """Count rooms, their files and the floors that the import contract lays them on."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["tool"]["importlinter"]
    floors = next(each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    files = {each.parent.name: len(list(each.parent.glob("*.py"))) - 1 for each in ROOMS}
    listed = [f"{count:3} {name}" for name, count in files.items()]
    yield "rooms", len(files), "12", listed
    yield "files a room, at most", max(files.values()), "about 12", listed
    yield "floors of the import contract", len(floors), "9", floors


def lines(package: list[Source], tests: list[Source]) -> Iterator[Row]:
    """Count lines of the package and of the tests."""
    yield "lines of code of the package", sum(len(each.code) for each in package), "8,800", []
    written = sum(len(each.text.splitlines()) for each in tests)
    yield "lines of the tests", written, "13,500", []


def functions(package: list[Source]) -> Iterator[Row]:
    """Measure functions: lengths, docstrings and annotations, those of private ones too."""
    found = [(each, node) for each in package for node in each.functions]
    lengths = {f"{each.path}:{node.lineno}": each.length(node) for each, node in found}
    long = [f"{length} {where}" for where, length in lengths.items() if length > 45]
    yield "lines of a function, median", statistics.median(lengths.values()), "about 8", []
    yield "lines of a function, at most", max(lengths.values()), "45", long
    nodes = [(each, node) for each in package for node in each.documented]
    bare = [f"{s.path}:{getattr(n, 'lineno', 1)}" for s, n in nodes if not ast.get_docstring(n)]
    yield "docstrings", f"{1 - len(bare) / len(nodes):.1%}", "100 %", bare
    untyped = [f"{each.path}:{node.lineno}" for each, node in found if not is_annotated(node)]
    yield "annotated functions", f"{1 - len(untyped) / len(found):.1%}", "100 %", untyped


def run_tool(module: str, *arguments: object) -> list[str]:
    """Return the lines that a tool prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.stderr:
        raise RuntimeError(f"{module} failed: {result.stderr}")
    return result.stdout.splitlines()


def dead_names() -> list[str]:
    """Return what vulture finds: names that neither package nor notebooks nor pages use."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (ROOT / "notebooks").glob("*.ipynb"):
            cells = nbformat.read(path, nbformat.NO_CONVERT).cells
            code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
            Path(folder, f"{path.stem}.py").write_text(code, "utf8")
        pages = ((ROOT / page).read_text("utf8") for page in ("README.md", ".github/USAGE.md"))
        blocks = re.findall(r"```python\n(.+?)```", "\n".join(pages), re.S)
        types = [text for source in find_sources(PACKAGE) for text in source.quoted_types]
        Path(folder, "others.py").write_text("\n".join(blocks + types), "utf8")
        found = run_tool("vulture", PACKAGE, folder, "--ignore-names", CALLED_BY_OTHERS)
    return [line for line in found if str(PACKAGE) in str(ROOT / line)]


def call() -> Iterator[Row]:
    """Count what one call costs."""
    from tests.house.call import count_one_call

    images, checks = count_one_call()
    yield "network images for two hands", images, "at most 10", []
    yield "check_image calls per call", checks, "1", []


def figures() -> Iterator[Row]:
    """Yield all rows, the slow ones last."""
    package = find_sources(PACKAGE)
    tests = find_sources(ROOT / "tests", leave_out=("benchmarks", "notebooks"))
    yield from rooms()
    yield from lines(package, tests)
    yield from functions(package)
    for what, found in (
        ("duplicates in the package", find_duplicates(package)),
        ("duplicates in the tests", find_duplicates(tests)),
        ("dead names", dead_names()),
        ("findings of mypy", run_tool("mypy", "--no-error-summary")),
    ):
        yield what, len(found), "0", found
    yield from call()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list what each figure counts")
    options = parser.parse_args()
    print(f"{'':32}{'now':>15}  aim")
    for what, value, aim, found in figures():
        print(f"{what:32}{value:>15}  {aim}", flush=True)
        for line in found if options.list else []:
            print(f"    {line.replace(f'{ROOT}/', '')}")


if __name__ == "__main__":
    main()
