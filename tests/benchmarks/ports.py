"""Time a whole call of OpenPose's hand network beside pytorch-openpose's way, at four scales.

Some minutes on an idle machine with PyTorch, SciPy and scikit-image, from the repository's root:

    python -m tests.benchmarks.ports

Both take a photo of one hand and the same random weights of full size; heatmaps are enlarged to
the photo at heights of 0.5, 1, 1.5 and 2 times 368 and averaged. Theirs, written after what that
program does, runs PyTorch and looks for peaks as SciPy and scikit-image do. Ours is the recipe
`pytorch_openpose`, which finds the same keypoints, and then `openpose`: one scale.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from openpose_keras import HandEstimator
from tests.benchmarks.openpose import torch_forward, write_files
from tests.benchmarks.peaks import scipy_blobs

HEIGHTS = [scale * 368 for scale in (0.5, 1.0, 1.5, 2.0)]
STRIDE, GREY = 8, 128


def their_call(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes keypoints (21, 3) of an image as pytorch-openpose does."""
    forward = torch_forward(folder)

    def call(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        mean = np.zeros((height, width, 22))
        for factor in [each / height for each in HEIGHTS]:
            small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            rows, columns = small.shape[:2]
            padding = (0, -rows % STRIDE, 0, -columns % STRIDE)
            padded = cv2.copyMakeBorder(small, *padding, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
            [maps] = forward(np.float32(padded[None]) / 256 - 0.5)
            large = cv2.resize(maps[0], None, fx=STRIDE, fy=STRIDE, interpolation=cv2.INTER_CUBIC)
            shown = large[:rows, :columns]
            mean += cv2.resize(shown, (width, height), interpolation=cv2.INTER_CUBIC) / len(HEIGHTS)
        return scipy_blobs(mean[..., :21])

    return call


def our_call(folder: Path, recipe: str, engine: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return ours, of a hand whose side is known."""
    weights = folder / "net.weights.h5"
    estimator = HandEstimator.from_preset("hand", weights=weights, recipe=recipe, engine=engine)

    def call(image: np.ndarray) -> np.ndarray:
        [hand] = estimator(image, "whole", "right")
        return np.column_stack([hand.xy, hand.scores])

    return call


def main() -> None:
    """Print the seconds of each, and how far the keypoints of both lie apart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=640, help="of the photo, in pixels")
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 12, 3), np.uint8)
    image = cv2.resize(coarse, (args.side, args.side), interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, "hand")
        calls = {
            "pytorch-openpose's way": their_call(folder),
            "recipe pytorch_openpose, ONNX Runtime": our_call(folder, "pytorch_openpose", "onnx"),
            "recipe openpose, ONNX Runtime": our_call(folder, "openpose", "onnx"),
        }
        found = {each: call(image) for each, call in calls.items()}  # the first call is slow
        times: dict[str, list[float]] = {each: [] for each in calls}
        for _ in range(args.rounds):
            for each, call in calls.items():
                time.sleep(0.3)  # threads of the one before spin a while
                start = time.perf_counter()
                call(image)
                times[each].append(time.perf_counter() - start)
    theirs, ours = list(found.values())[:2]
    print(f"{args.side}x{args.side} pixels, medians of {args.rounds} interleaved rounds")
    first = statistics.median(next(iter(times.values())))
    for each, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{each:40} {middle:6.2f} s {middle / first:6.2f}")
    both = np.isfinite(ours[:, 0])
    apart = np.abs(ours[both, :2] - theirs[both, :2]).max(initial=0)
    print(f"{both.sum()} keypoints of both lie at most {apart:.2f} pixels apart")


if __name__ == "__main__":
    main()
