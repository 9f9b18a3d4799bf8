"""Size, seconds and peak memory of OpenPose's networks at 368x368: ours, OpenCV 4's, PyTorch's.

Ours are Keras and the other engines; `tests/benchmarks/ports.py` times a whole call beside a port.

A minute or two for each network on an idle machine, from the repository's root:

    python -m tests.benchmarks.openpose hand face body_25 body_coco body_mpi

All have the same random weights of full size. Each way lives in a process of its own, for its
memory; the ways take turns at the clock, so that a machine that slows down slows all of them.
The peak is all that the process ever held, Python and its libraries included (VmHWM, which Linux
tells). PyTorch, OpenVINO, LiteRT and OpenCV are left out where they are not installed, OpenCV also
where it has no importer.
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
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.helpers import ROOT

SIDE = 368
NETWORKS = ("hand", "face", "body_25", "body_coco", "body_mpi", "body_mpi_4")
Forward = Callable[[np.ndarray], list[np.ndarray]]
"""(1, h, w, 3) RGB -> its maps, channels last."""


# ---------------------------------------------------------------- the ways, each in its process


def keras_forward(folder: Path, dtype: str) -> Forward:
    """Build our network, compiled."""
    import keras

    from openpose_keras import networks
    from openpose_keras.engines.keras import compile_model

    keras.config.set_dtype_policy(dtype)
    model = getattr(networks, facts(folder)["network"])()
    model.load_weights(folder / "net.weights.h5")
    forward = compile_model(model)
    return lambda batch: list(forward(batch).values())


def engine_forward(folder: Path, engine: str) -> Forward:
    """Load our network in an engine that reads files."""
    from openpose_keras.engines import load_engine

    weights = folder / "net.weights.h5"
    forward = load_engine(facts(folder)["network"], weights=weights, engine=engine)
    return lambda batch: list(forward(batch).values())


def opencv_forward(folder: Path) -> Forward:
    """Build OpenCV's."""
    import cv2

    net = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))
    outputs = facts(folder)["outputs"]

    def forward(batch: np.ndarray) -> list[np.ndarray]:
        net.setInput(np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2)))
        return [maps.transpose(0, 2, 3, 1) for maps in net.forward(outputs)]

    return forward


def torch_forward(folder: Path) -> Forward:
    """Build PyTorch's: its own layers in the order of the prototxt, as its ports call them."""
    import torch

    from openpose_keras.conversion.caffe.caffemodel import read_caffemodel
    from openpose_keras.conversion.caffe.prototxt import read_prototxt

    blobs = {layer.name: layer.blobs for layer in read_caffemodel(folder / "net.caffemodel").layers}
    made = {
        "ReLU": lambda layer: torch.relu,
        "Pooling": lambda layer: torch.nn.MaxPool2d(2, ceil_mode=True),
        "Concat": lambda layer: lambda *arrays: torch.cat(arrays, dim=1),
        "Convolution": lambda layer: filled(torch.nn.Conv2d, blobs[layer.name]),
        "PReLU": lambda layer: filled(torch.nn.PReLU, blobs[layer.name]),
    }
    steps = [
        (made[layer.type](layer), layer.bottoms, layer.tops[0])
        for layer in read_prototxt(folder / "net.prototxt").layers
        if layer.type != "Input"
    ]
    outputs = facts(folder)["outputs"]

    @torch.inference_mode()
    def forward(batch: np.ndarray) -> list[np.ndarray]:
        x = torch.from_numpy(np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2)))
        arrays = {"image": x}
        for step, bottoms, top in steps:
            arrays[top] = step(*(arrays[name] for name in bottoms))
        return [arrays[name].permute(0, 2, 3, 1).numpy() for name in outputs]

    return forward


def filled(kind: type, blobs: Sequence[np.ndarray]) -> Callable:
    """Build a layer of PyTorch with its weights."""
    import torch

    weight, *bias = (torch.tensor(np.array(blob)) for blob in blobs)
    if kind is torch.nn.PReLU:
        layer = kind(len(weight))
    else:
        layer = kind(*weight.shape[1::-1], weight.shape[2:], padding="same")
    layer.load_state_dict({"weight": weight} | ({"bias": bias[0]} if bias else {}))
    return layer.eval()


def facts(folder: Path) -> dict:
    """Return what `write_files` noted about the network."""
    return json.loads((folder / "facts.json").read_text())


WAYS: dict[str, Callable[[Path], Forward]] = {
    "Keras on TensorFlow, float32": lambda folder: keras_forward(folder, "float32"),
    "Keras on TensorFlow, mixed_bfloat16": lambda folder: keras_forward(folder, "mixed_bfloat16"),
    "ONNX Runtime, float32": lambda folder: engine_forward(folder, "onnx"),
    "OpenVINO, float32": lambda folder: engine_forward(folder, "openvino"),
    "LiteRT, float32": lambda folder: engine_forward(folder, "litert"),
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
    maps = np.concatenate(forward(batch), axis=-1)
    np.save(folder / f"{list(WAYS).index(way)}.npy", maps)
    print(json.dumps([time.perf_counter() - start, peak()]), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        forward(batch)
        print(json.dumps([time.perf_counter() - start, peak()]), flush=True)


# ---------------------------------------------------------------- the clock


def write_files(folder: Path, network: str) -> None:
    """Write random weights for all ways, an input, and facts about the network."""
    from openpose_keras import networks
    from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
    from openpose_keras.conversion.caffe.graph import to_caffe
    from openpose_keras.conversion.caffe.prototxt import write_prototxt
    from openpose_keras.conversion.parity import random_batch
    from openpose_keras.networks.summary import layer_table
    from tests.networks.test_body_networks import randomise

    model = randomise(getattr(networks, network)())
    model.save_weights(folder / "net.weights.h5")
    write_prototxt(folder / "net.prototxt", to_caffe(model))
    write_caffemodel(folder / "net.caffemodel", to_caffe(model))
    np.save(folder / "batch.npy", random_batch((SIDE, SIDE)))
    outputs = model.output.values() if isinstance(model.output, dict) else [model.output]
    noted = {
        "network": network,
        "outputs": [tensor._keras_history.operation.name for tensor in outputs],
        "channels": [tensor.shape[-1] for tensor in outputs],
        "parameters": model.count_params(),
        "gmac": sum(row.multiply_adds for row in layer_table(model, (SIDE, SIDE)).rows) / 1e9,
    }
    (folder / "facts.json").write_text(json.dumps(noted))


def available() -> list[str]:
    """Return the engines that this machine has."""
    import cv2

    lacking = {
        "PyTorch, float32": importlib.util.find_spec("torch") is None,
        "OpenVINO, float32": importlib.util.find_spec("openvino") is None,
        "LiteRT, float32": importlib.util.find_spec("ai_edge_litert") is None,
        "OpenCV 4, float32": not hasattr(cv2.dnn, "readNetFromCaffe"),
    }
    return [way for way in WAYS if not lacking.get(way)]


def start(folder: Path, way: str) -> subprocess.Popen:
    """Start the process of a way."""
    command = [sys.executable, "-m", "tests.benchmarks.openpose", "--serve", str(folder), way]
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
    parser.add_argument("networks", nargs="*", default=["hand"], metavar="NETWORK")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    require_networks(parser, args.networks)
    if args.write:
        write_files(args.write, *args.networks)
    elif args.serve:
        serve(Path(args.serve[0]), args.serve[1])
    else:
        for network in args.networks:
            measure(network, args.rounds)


def require_networks(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Leave with one line if there are no such networks."""
    if strange := [name for name in names if name not in NETWORKS]:
        parser.exit(2, f"expected some of {', '.join(NETWORKS)}, got {', '.join(strange)}\n")


def measure(network: str, rounds: int) -> None:
    """Run the ways of a network and print their table."""
    with tempfile.TemporaryDirectory() as name:
        folder, ways = Path(name), available()
        command = [sys.executable, "-m", "tests.benchmarks.openpose", network, "--write", name]
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
        known = facts(folder)
    print_table(rounds, known, first, answers, outputs)


def print_table(
    rounds: int,
    known: dict,
    first: dict[str, list],
    answers: dict[str, list],
    outputs: dict[str, np.ndarray],
) -> None:
    """Print a row for each way; the difference is from the last one's output, relative."""
    ways = list(answers)
    reference = outputs[ways[-1]]
    maps, gmac = " + ".join(map(str, known["channels"])), known["gmac"]
    print(f"`{known['network']}`: {maps} maps, {known['parameters']:,} parameters, {gmac:.1f} GMAC")
    print(f"one input of {SIDE}x{SIDE}, medians of {rounds} rounds\n")
    print("| way | seconds (least to most) | GMAC/s | first result | peak memory | difference |")
    print("|---|---|---|---|---|---|")
    for way in ways:
        seconds = [answer[0] for answer in answers[way][1:]]
        middle, most = statistics.median(seconds), max(answer[1] for answer in answers[way])
        apart = np.abs(outputs[way] - reference).max() / np.abs(reference).max()
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(
            f"| {way} | {middle:.2f} ({spread}) | {gmac / middle:.0f} | {first[way][0]:.1f} s "
            f"| {most / 1e6:.0f} MB | {apart:.0e} |"
        )


if __name__ == "__main__":
    main()
