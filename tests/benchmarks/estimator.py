"""Time a whole call of the estimator beside its network alone, on the photo that ships.

Run it on an idle machine, from the repository's root: python -m tests.benchmarks.estimator
"""

import argparse
import statistics
import time

import numpy as np

from openpose_keras import HandEstimator, read_image
from openpose_keras.engines import as_engine
from tests.helpers import ROOT

PHOTO = ROOT / "notebooks/images/hands.jpg"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--engine", choices=("onnx", "keras"), default="onnx")
    args = parser.parse_args()

    estimator = HandEstimator.from_preset("hand_lite", engine=args.engine)
    image = read_image(PHOTO)
    network = as_engine(estimator.network)
    side = estimator.spec.box_size
    crop = np.zeros((1, side, side, 3), np.float32)
    alone = f"network alone, one {side}x{side} crop"
    box = estimator(image)[0].box
    ways = {
        alone: lambda: network(crop),
        "one hand, its box given": lambda: estimator(image, boxes=[box]),
        "two hands of 640x640, searched": lambda: estimator(image),
    }
    times = {name: [] for name in ways}
    for number in range(args.rounds + 3):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number >= 3:
                times[name].append(1000 * (time.perf_counter() - start))
    base = statistics.median(times[alone])
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:<32} {middle:7.1f} ms, {middle / base:5.1f} times the network alone")


if __name__ == "__main__":
    main()
