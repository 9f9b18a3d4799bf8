"""Measure `openpose-keras detect` on folders: photos a second of workers, and its peak memory.

    python -m tests.benchmarks.folders speed      # workers of one thread each, with real networks
    python -m tests.benchmarks.folders memory     # 1,000 and 10,000 small photos, without a network

Run it on an idle machine, from the repository's root.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.helpers import ROOT
from tests.helpers.folders import write_photos

IMAGES = ROOT / "notebooks/images"
MEMORY = """
import resource
from openpose_keras import cli
from tests.helpers.folders import install
install()
assert cli.main({arguments}) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def speed(workers, count, preset):
    """Print the photos a second of numbers of workers; a round each, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            name = ("people.jpg", "hands.jpg", "open_hand.jpg")[number % 3]
            Path(folder, f"{number:05}.jpg").write_bytes((IMAGES / name).read_bytes())
        rates = [rate(folder, number, preset) for number in workers]
    for number, each in zip(workers, rates, strict=True):
        print(f"{number} workers: {each:5.2f} photos a second, {each / rates[0]:.2f} times")


def rate(folder, workers, preset):
    """The photos a second after the first quarter of them, by when their results were written."""
    with tempfile.TemporaryDirectory() as out:
        arguments = ["detect", folder, "--out", out, "--quiet", "--workers", str(workers)]
        arguments += ["--preset", preset]
        subprocess.run([sys.executable, "-m", "openpose_keras", *arguments], check=True, cwd=ROOT)
        times = np.sort([path.stat().st_mtime for path in Path(out).glob("*.json")])
    first = len(times) // 4
    return (len(times) - 1 - first) / (times[-1] - times[first])


def memory(counts):
    """Print the peak memory of the process for numbers of photos, with all outputs."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            photos = Path(folder, "photos")
            write_photos(photos, count)
            arguments = ["detect", str(photos), "--preset", "hand_lite", "--quiet"]
            arguments += ["--out", folder, "--format", "json,csv,parquet,coco"]
            command = [sys.executable, "-c", MEMORY.format(arguments=arguments)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
        print(f"{count:6} photos: peak of {float(done.stdout):.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--preset", default="lite")
    args = parser.parse_args()
    if args.what == "speed":
        speed(args.workers, args.photos, args.preset)
    else:
        memory((1000, 10_000))


if __name__ == "__main__":
    main()
