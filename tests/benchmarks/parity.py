"""Compare every layer of OpenPose's networks, full size, with OpenCV 4's importer, on all backends.

A minute or two for each, from the repository's root:

    python -m tests.benchmarks.parity hand face body_25 body_coco body_mpi body_mpi_4

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

from openpose_keras.core._opencv import cv2
from tests.benchmarks.openpose import require_networks
from tests.helpers import ROOT

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
SIZES = ((368, 368), (184, 184), (256, 328))


def write_files(folder: Path, network: str) -> None:
    """Write random weights as Caffe's two files."""
    from openpose_keras import networks
    from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
    from openpose_keras.conversion.caffe.graph import to_caffe
    from openpose_keras.conversion.caffe.prototxt import write_prototxt
    from tests.networks.test_body_networks import randomise

    caffe = to_caffe(randomise(getattr(networks, network)()))
    write_caffemodel(folder / "net.caffemodel", caffe)
    write_prototxt(folder / "net.prototxt", caffe)


def compare_all(folder: Path) -> None:
    """Compare at every size on the backend that is set, and print one row of JSON for each."""
    from openpose_keras.conversion.convert import load_converted
    from openpose_keras.conversion.parity import (
        compare,
        layer_outputs,
        opencv_outputs,
        random_batch,
    )

    model, _ = load_converted(folder / "net.caffemodel")
    for height, width in SIZES:
        batch = random_batch((height, width))
        expected = opencv_outputs(
            folder / "net.prototxt", folder / "net.caffemodel", batch[..., ::-1]
        )
        report = compare(layer_outputs(model, batch), expected)
        worst = max(report.rows, key=lambda row: row.relative)
        row = [f"{height}x{width}", len(report.rows), worst.relative, worst.magnitude, worst.name]
        print(json.dumps(row), flush=True)


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
    """Print the table; exit with 1 if a layer is off by 1e-4 of its greatest value or more."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=["hand"], metavar="NETWORK")
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.compare:
        compare_all(args.compare)
        return
    require_networks(parser, args.networks)
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        needed = f"expected OpenCV 4, got {cv2.__version__}, which reads no networks of Caffe"
        parser.exit(2, f"{needed}: pip install 'opencv-python<5'\n")
    print("| network | backend | input | layers | greatest difference, relative | at |")
    print("|---|---|---|---|---|---|")
    greatest = max(compare_on_all_backends(network) for network in args.networks)
    sys.exit(greatest >= 1e-4)


def compare_on_all_backends(network: str) -> float:
    """Print the rows of a network, and return the greatest relative difference."""
    greatest = 0.0
    with tempfile.TemporaryDirectory() as name:
        command = "import sys, pathlib; from tests.benchmarks.parity import write_files; "
        command += "write_files(pathlib.Path(sys.argv[1]), sys.argv[2])"
        subprocess.run([sys.executable, "-c", command, name, network], cwd=ROOT, check=True)
        for backend, module in BACKENDS.items():
            if importlib.util.find_spec(module) is None:
                print(f"| {network} | {backend} | not installed | | | |")
                continue
            for size, count, worst, magnitude, layer in measure(Path(name), backend):
                greatest = max(greatest, worst)
                print(
                    f"| {network} | {backend} | {size} | {count} | {worst:.1e} of {magnitude:.3g} "
                    f"| {layer} |",
                    flush=True,
                )
    return greatest


if __name__ == "__main__":
    main()
