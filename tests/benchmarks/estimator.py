"""Time a whole call of the estimator beside its network alone, on the photo that ships.

Run it on an idle machine, from the repository's root: python -m tests.benchmarks.estimator. The
photo is enlarged to one and to twelve megapixels too: the peak memory is that of the last.
"""

import argparse
import resource
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from openpose_keras import HandEstimator, read_image
from openpose_keras.engines import as_engine
from tests.helpers import ROOT

PHOTO = ROOT / "notebooks/images/hands.jpg"


def enlarged(image: np.ndarray, megapixels: float) -> np.ndarray:
    """Return an image with so many pixels."""
    factor = (1e6 * megapixels / (image.shape[0] * image.shape[1])) ** 0.5
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--engine", choices=("onnx", "keras"), default="onnx")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    args = parser.parse_args()

    estimator = HandEstimator.from_preset("hand_lite", engine=args.engine)
    image = read_image(args.photo)
    network = as_engine(estimator.network)
    side = estimator.spec.box_size
    crop = np.zeros((1, side, side, 3), np.float32)
    alone = f"network alone, one {side}x{side} crop"
    box = estimator(image)[0].box
    ways = {
        alone: lambda: network(crop),
        "one hand, its box given": lambda: estimator(image, boxes=[box]),
        "the photo, searched": lambda: estimator(image),
    }
    for megapixels in (1, 12):
        large = enlarged(image, megapixels)
        ways[f"{megapixels} megapixels, searched"] = lambda large=large: estimator(large)
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
    one, twelve = (statistics.median(values) for values in list(times.values())[-2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"12 megapixels take {twelve / one:.2f} times the time of one; peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
