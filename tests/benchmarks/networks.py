"""Time one crop through a network: our compiled call, Keras's eager call and `predict`.

Run it on an idle machine, from the repository's root:

    python -m tests.benchmarks.networks              # hand_lite, 160x160
    python -m tests.benchmarks.networks hand --rounds 5

The calls take turns in one run, so that a machine that slows down slows all of them.
"""

import argparse
import statistics
import time

import numpy as np

from openpose_keras import networks
from openpose_keras.engines.keras import compile_model
from openpose_keras.networks.presets import PRESETS, load_network


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", nargs="?", default="hand_lite", choices=sorted(PRESETS))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--dtype", default="float32", help="of hand_lite")
    args = parser.parse_args()

    import keras

    ships = args.preset == "hand_lite"
    model = load_network(args.preset, dtype=args.dtype) if ships else networks.hand()
    side = PRESETS[args.preset].spec.box_size
    crop = np.random.default_rng(0).uniform(-0.5, 0.5, (1, side, side, 3)).astype(np.float32)
    calls = {
        "compiled call": compile_model(model),
        "eager call": lambda batch: np.asarray(model(batch, training=False)),
        "predict": lambda batch: model.predict(batch, verbose=0),
    }
    times = {name: [] for name in calls}
    for number in range(args.rounds + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            call(crop)
            if number >= 2:  # the first rounds compile
                times[name].append(1000 * (time.perf_counter() - start))
    base = statistics.median(times["compiled call"])
    print(f"{args.preset} {side}x{side}, Keras on {keras.backend.backend()}, {args.dtype}")
    for name, values in times.items():
        middle = statistics.median(values)
        spread = f"{min(values):.1f} .. {max(values):.1f}"
        print(f"{name:<14} {middle:7.1f} ms ({spread}), {middle / base:.2f} of the compiled call")


if __name__ == "__main__":
    main()
