"""Compare every layer of `hand`, full size, with OpenCV 4's importer, on three backends of Keras.

A minute or two, from the repository's root: python -m tests.benchmarks.parity

Each backend runs in a process of its own; PyTorch is left out where it is not installed. The
weights are random, of a size that keeps what goes through the network near 1.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers import ROOT
from tests.helpers.caffe_files import caffemodel, hand_arrays, hand_prototxt

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
SIZES = ((368, 368), (184, 184), (256, 328))


def write_files(folder: Path) -> None:
    """Write the weights, and a description for each size."""
    (folder / "hand.caffemodel").write_bytes(caffemodel(hand_arrays(divide=1)))
    for height, width in SIZES:
        text = hand_prototxt(divide=1, size=(height, width))
        (folder / f"{height}x{width}.prototxt").write_text(text)


def compare_all(folder: Path) -> None:
    """Compare at every size on the backend that is set, and print one row of JSON for each."""
    from openpose_keras.conversion.convert import load_converted
    from openpose_keras.conversion.parity import (
        compare,
        layer_outputs,
        opencv_outputs,
        random_batch,
    )

    model, _ = load_converted(folder / "hand.caffemodel")
    for height, width in SIZES:
        batch = random_batch((height, width))
        prototxt = folder / f"{height}x{width}.prototxt"
        expected = opencv_outputs(prototxt, folder / "hand.caffemodel", batch[..., ::-1])
        report = compare(layer_outputs(model, batch), expected)
        worst = max(report.rows, key=lambda row: row.absolute)
        row = [f"{height}x{width}", len(report.rows), worst.absolute, worst.magnitude, worst.name]
        print(json.dumps([*row, report.rows[-1].absolute, report.rows[-1].magnitude]), flush=True)


def measure(folder: Path, backend: str) -> list[list]:
    """Return the rows of a backend."""
    command = [sys.executable, "-m", "tests.benchmarks.parity", "--compare", str(folder)]
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"{backend} failed: {result.stderr[-2000:]}")
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]


def main() -> None:
    """Print the table; exit with 1 if a layer is off by 1e-4 or more."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.compare:
        compare_all(args.compare)
        return
    greatest = 0.0
    print("| backend | input | layers | greatest difference | at | heatmaps |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name))
        for backend, module in BACKENDS.items():
            if importlib.util.find_spec(module) is None:
                print(f"| {backend} | not installed | | | | |")
                continue
            for size, count, worst, magnitude, layer, last, last_magnitude in measure(
                Path(name), backend
            ):
                greatest = max(greatest, worst)
                print(
                    f"| {backend} | {size} | {count} | {worst:.1e} of {magnitude:.3g} | {layer} "
                    f"| {last:.1e} of {last_magnitude:.3g} |",
                    flush=True,
                )
    sys.exit(greatest >= 1e-4)


if __name__ == "__main__":
    main()
