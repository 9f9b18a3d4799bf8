"""Time every engine that is installed on every network that ships, at its usual input.

Run it on an idle machine, from the repository's root:

    python -m tests.benchmarks.engines
    python -m tests.benchmarks.engines hand_lite --rounds 50

The engines take turns in one run, so that a machine that slows down slows all of them. float16 is
the file that `openpose-keras export --float16` writes: stored in it, and computed in float32.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import BackendError
from openpose_keras.engines import FileEngine, OnnxEngine, as_engine, load_engine
from openpose_keras.engines.export import export_network
from openpose_keras.networks.presets import ENGINES, PRESETS

SHIPPED = [name for name, preset in PRESETS.items() if preset.sha256]


def engines(preset: str, folder: Path) -> dict[str, FileEngine]:
    """Load a network in every engine that is installed."""
    found = {}
    for name in ENGINES[1:]:
        try:
            found[name] = as_engine(load_engine(preset, engine=name))
        except BackendError as error:
            print(error)
    path = folder / f"{preset}.onnx"
    export_network(preset, path, form="onnx", half=True)
    return {**found, "onnx float16": OnnxEngine(path)}


def measure(calls: dict[str, FileEngine], batch: np.ndarray, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each engine."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 3):
        for name, call in calls.items():
            start = time.perf_counter()
            call(batch)
            if number >= 3:  # the first rounds compile
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=SHIPPED, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=25)
    args = parser.parse_args()

    for number, preset in enumerate(args.presets):
        side = PRESETS[preset].spec.box_size
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, side, side, 3))
        with tempfile.TemporaryDirectory() as folder:
            calls = engines(preset, Path(folder))
            medians = measure(calls, noise.astype(np.float32), args.rounds)
        if not number:
            print(f"milliseconds, medians of {args.rounds} interleaved rounds")
            print(f"{'':<28}" + "".join(f"{name:>14}" for name in medians))
        row = "".join(f"{each:14.1f}" for each in medians.values())
        print(f"{preset + f', 1x{side}x{side}':<28}{row}", flush=True)


if __name__ == "__main__":
    main()
