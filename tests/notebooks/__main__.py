"""Run the notebooks, each in a fresh kernel: python -m tests.notebooks [--write] [NAMES].

Names are numbers or file names, "01" or "01_a_photo_to_keypoints"; by default all notebooks are
run, one after the other. With --write the outputs and the thumbnails of those that ran without
error or warning are stored; a notebook that failed stays as it is.
"""

import argparse
import sys
from pathlib import Path

from tests.notebooks.execution import FOLDER, execute, store
from tests.notebooks.rules import breaches
from tests.notebooks.thumbnails import store_thumbnail


def find(names: list[str], folder: Path) -> list[Path]:
    """Return the notebooks of these names, or all.

    Raises:
        ValueError: No notebook has this name.
    """
    every = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return every
    found = []
    for name in names:
        stem = Path(name).stem
        same = [path for path in every if stem in (path.stem, path.stem[:2])]
        if not same:
            raise ValueError(f"no notebook {name!r}, only {', '.join(p.stem for p in every)}")
        found += same
    return found


def run(path: Path, *, write: bool, thumbnail: bool = True) -> bool:
    """Run one notebook, print what happened, and return whether all is well."""
    result = execute(path)
    problems, note = list(result.problems), ""
    if write and not problems:
        store(path, result)
        if thumbnail:
            store_thumbnail(path, result.notebook)
        problems, note = breaches(path), f", written, {path.stat().st_size / 1000:.0f} kB"
    print(f"{path.stem}: {result.seconds:.1f} s{note}{', FAILED' if problems else ''}", flush=True)
    for problem in problems:
        print(f"    {problem}", flush=True)
    return not problems


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", help="numbers or file names; all by default")
    parser.add_argument("--write", action="store_true", help="store outputs and thumbnails")
    options = parser.parse_args(arguments)
    try:
        paths = find(options.names, folder)
    except ValueError as error:
        parser.error(str(error))
    results = [run(path, write=options.write, thumbnail=folder == FOLDER) for path in paths]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
