"""Seconds and peak memory of `hand` at 368x368: our network, OpenCV 4's, and PyTorch's.

A minute or two on an idle machine, from the repository's root: python -m tests.benchmarks.hand

All have the same random weights of full size. Each way lives in a process of its own, for its
memory; the ways take turns at the clock, so that a machine that slows down slows all of them.
The peak is all that the process ever held, Python and its libraries included (VmHWM, which Linux
tells). PyTorch and OpenCV are left out where they are not installed, or not with an importer.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.helpers import ROOT

SIDE = 368
GIGA_MAC = 103.187671  # multiplications with additions of one forward
Forward = Callable[[np.ndarray], np.ndarray]


# ---------------------------------------------------------------- the ways, each in its process


def keras_forward(folder: Path, dtype: str) -> Forward:
    """Build our network, compiled."""
    from openpose_keras.engines.keras import compile_model
    from openpose_keras.networks.presets import load_network

    return compile_model(load_network("hand", weights=folder / "hand.weights.h5", dtype=dtype))


def opencv_forward(folder: Path) -> Forward:
    """Build OpenCV's."""
    import cv2

    net = cv2.dnn.readNetFromCaffe(str(folder / "hand.prototxt"), str(folder / "hand.caffemodel"))

    def forward(batch: np.ndarray) -> np.ndarray:
        net.setInput(np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2)))
        return net.forward().transpose(0, 2, 3, 1)

    return forward


def torch_forward(folder: Path) -> Forward:
    """Build PyTorch's, as its ports do."""
    import torch

    from openpose_keras.conversion.caffe.caffemodel import read_caffemodel

    layers = {}
    for layer in read_caffemodel(folder / "hand.caffemodel").layers:
        kernel, bias = (torch.tensor(np.array(blob)) for blob in layer.blobs)
        made = torch.nn.Conv2d(*kernel.shape[1::-1], kernel.shape[2:], padding="same")
        made.load_state_dict({"weight": kernel, "bias": bias})
        layers[layer.name] = made.eval()
    pools = [name for name in layers if re.fullmatch(r"conv[234]_1", name)]

    def run(names: list[str], x: torch.Tensor) -> torch.Tensor:
        for name in names:
            x = torch.nn.functional.max_pool2d(x, 2, ceil_mode=True) if name in pools else x
            x = layers[name](x)
            head = name == "conv6_2_CPM" or name.startswith("Mconv7")
            x = x if head else torch.relu_(x)
        return x

    names = list(layers)

    @torch.inference_mode()
    def forward(batch: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2)))
        features = run(names[:15], x)
        x = run(names[15:17], features)
        for stage in range(5):
            start = 17 + 7 * stage
            x = run(names[start : start + 7], torch.cat([x, features], dim=1))
        return x.permute(0, 2, 3, 1).numpy()

    return forward


WAYS: dict[str, Callable[[Path], Forward]] = {
    "Keras on TensorFlow, float32": lambda folder: keras_forward(folder, "float32"),
    "Keras on TensorFlow, mixed_bfloat16": lambda folder: keras_forward(folder, "mixed_bfloat16"),
    "OpenCV 4, float32": opencv_forward,
    "PyTorch, float32": torch_forward,
}


def peak() -> int:
    """Return what this process held at most, in bytes."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def serve(folder: Path, way: str) -> None:
    """Build a way, and time one forward for each line that comes in."""
    start = time.perf_counter()
    forward = WAYS[way](folder)
    batch = np.load(folder / "batch.npy")
    np.save(folder / f"{list(WAYS).index(way)}.npy", forward(batch))
    print(json.dumps([time.perf_counter() - start, peak()]), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        forward(batch)
        print(json.dumps([time.perf_counter() - start, peak()]), flush=True)


# ---------------------------------------------------------------- the clock


def write_files(folder: Path) -> None:
    """Write the weights for all ways, and an input."""
    from openpose_keras.conversion.parity import random_batch
    from openpose_keras.conversion.writers import convert_file
    from tests.helpers.caffe_files import caffemodel, hand_arrays, hand_prototxt

    (folder / "hand.caffemodel").write_bytes(caffemodel(hand_arrays(divide=1)))
    (folder / "hand.prototxt").write_text(hand_prototxt(divide=1, size=(SIDE, SIDE)))
    convert_file(folder / "hand.caffemodel", folder / "hand.weights.h5")
    np.save(folder / "batch.npy", random_batch((SIDE, SIDE)))


def available() -> list[str]:
    """Return the engines that this machine has."""
    import cv2

    lacking = {
        "PyTorch, float32": importlib.util.find_spec("torch") is None,
        "OpenCV 4, float32": not hasattr(cv2.dnn, "readNetFromCaffe"),
    }
    return [way for way in WAYS if not lacking.get(way)]


def start(folder: Path, way: str) -> subprocess.Popen:
    """Start the process of a way."""
    command = [sys.executable, "-m", "tests.benchmarks.hand", "--serve", str(folder), way]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)


def ask(process: subprocess.Popen) -> list[float]:
    """Read the next answer of a process."""
    line = process.stdout.readline()
    if not line:
        sys.exit(f"{process.args[-1]} failed: run it by itself to see why")
    return json.loads(line)


def main() -> None:
    """Run the command, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write_files(args.write)
    elif args.serve:
        serve(Path(args.serve[0]), args.serve[1])
    else:
        measure(args.rounds)


def measure(rounds: int) -> None:
    """Run the ways and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder, ways = Path(name), available()
        command = [sys.executable, "-m", "tests.benchmarks.hand", "--write", name]
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        processes, first = {}, {}
        for way in ways:  # one after the other: the first result is timed too
            processes[way] = start(folder, way)
            first[way] = ask(processes[way])
        answers = {way: [] for way in ways}
        for _ in range(rounds + 1):
            for way, process in processes.items():
                time.sleep(0.3)  # threads of the one before spin a while
                process.stdin.write("go\n")
                process.stdin.flush()
                answers[way].append(ask(process))
        for process in processes.values():
            process.communicate()
        outputs = {way: np.load(folder / f"{list(WAYS).index(way)}.npy") for way in ways}
    print_table(rounds, first, answers, outputs)


def print_table(
    rounds: int, first: dict[str, list], answers: dict[str, list], outputs: dict[str, np.ndarray]
) -> None:
    """Print a row for each way; the difference is from the last one's output, relative."""
    ways = list(answers)
    reference = outputs[ways[-1]]
    print(f"`hand`, one {SIDE}x{SIDE} crop, medians of {rounds} rounds\n")
    print("| way | seconds (least to most) | GMAC/s | first result | peak memory | difference |")
    print("|---|---|---|---|---|---|")
    for way in ways:
        seconds = [answer[0] for answer in answers[way][1:]]
        middle, most = statistics.median(seconds), max(answer[1] for answer in answers[way])
        apart = np.abs(outputs[way] - reference).max() / np.abs(reference).max()
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(
            f"| {way} | {middle:.2f} ({spread}) | {GIGA_MAC / middle:.0f} | {first[way][0]:.1f} s "
            f"| {most / 1e6:.0f} MB | {apart:.0e} |"
        )


if __name__ == "__main__":
    main()
