"""Print, section by section, how many answers of OpenPose's own code we agree with."""

import argparse
import gzip
import importlib.util
import json
import sys
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tests.goldens.sections import SECTIONS, Answer


def load(path: Path) -> dict[str, Any]:
    """Read a file of goldens, JSON or gzipped JSON; raise ValueError for any other file."""
    data = path.read_bytes()
    try:
        text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        goldens = json.loads(text)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"expected goldens in {path}, JSON or gzipped JSON: {error}") from error
    if not isinstance(goldens, dict) or not goldens.keys() & SECTIONS.keys():
        sections = ", ".join(SECTIONS)
        raise ValueError(f"expected goldens in {path}, an object with some of {sections}")
    return goldens


def load_scenes(script: Path) -> Any:
    """Import the script that rebuilds the inputs."""
    spec = importlib.util.spec_from_file_location("scenes", script)
    if spec is None or spec.loader is None or not script.is_file():
        raise ValueError(f"expected a Python file that rebuilds the inputs, got {script}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(goldens: dict[str, Any], scenes: Any) -> dict[str, list[Answer]]:
    """Check all goldens of the sections that we know."""
    answers: dict[str, list[Answer]] = defaultdict(list)
    for section, checker in SECTIONS.items():
        for golden in tqdm(goldens.get(section, ()), unit="golden", desc=section):
            answers[section] += checker(golden, scenes)
    return answers


def main(argv: list[str] | None = None) -> int:
    """Check a file; the exit status is 1 if an answer differs that must agree, 2 without a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.goldens", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--scenes", type=Path, metavar="SCRIPT", help="default: body_scenes.py beside the file"
    )
    args = parser.parse_args(argv)
    try:
        goldens = load(args.file)
        scenes = load_scenes(args.scenes or args.file.with_name("body_scenes.py"))
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    failed = 0
    for section, answers in check(goldens, scenes).items():
        print(section)
        for kind in dict.fromkeys(answer.kind for answer in answers):
            of_kind = [answer for answer in answers if answer.kind == kind]
            must = [answer for answer in of_kind if answer.must]
            line = f"  {kind}: {sum(each.agrees for each in must)} of {len(must)} agree"
            if len(must) < len(of_kind):
                ties = [answer for answer in of_kind if not answer.must]
                line += f", and {sum(each.agrees for each in ties)} of {len(ties)} ties"
            print(line)
            for each in must:
                if not each.agrees:
                    failed += 1
                    print(f"    differs: {each.case}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
