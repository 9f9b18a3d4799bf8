"""Time and error of the methods for 21 peaks: python -m tests.benchmarks.peaks.

Maps are 46 x 46 cells of stride 8, Gaussians of sigma 12 px with noise of 0.02. The methods
take turns, so that a busy machine slows all of them alike. The last column is the time relative to
that of pytorch-openpose's method with SciPy and scikit-image on maps of 368 x 368.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.heatmaps import upsample_stride
from openpose_keras.heatmaps.peaks import argmax_peaks, blob_peaks, subpixel_peaks, to_input_frame

try:
    from scipy import ndimage
    from skimage import measure
except ImportError as error:
    raise SystemExit(f"{error}: pip install -e '.[test]'") from error

CELLS, STRIDE, SIGMA, NOISE, KEYPOINTS = 46, 8, 12.0, 0.02, 21
REFERENCE = "x8, Gaussian + label + argmax (SciPy)"
Peaks = Callable[[np.ndarray], np.ndarray]


def make_maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return maps (46, 46, 21) and the centres of their Gaussians (21, 2) in input pixels."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(60, CELLS * STRIDE - 60, size=(KEYPOINTS, 2))
    positions = np.arange(CELLS) * STRIDE + (STRIDE - 1) / 2
    x, y = (np.exp(-((positions[:, None] - xy[:, i]) ** 2) / (2 * SIGMA**2)) for i in (0, 1))
    maps = y[:, None] * x[None] + rng.normal(scale=NOISE, size=(CELLS, CELLS, KEYPOINTS))
    return maps.astype(np.float32), xy


def scipy_blobs(maps: np.ndarray) -> np.ndarray:
    """Return what `blob_peaks` returns, by the libraries that pytorch-openpose uses."""
    peaks = []
    for plane in np.moveaxis(maps, 2, 0):
        labels = measure.label(ndimage.gaussian_filter(plane, 3) > 0.05, connectivity=2)
        if not labels.max():
            peaks.append((np.nan, np.nan, 0.0))
            continue
        sums = ndimage.sum_labels(plane, labels, np.arange(1, labels.max() + 1))
        inside = np.where(labels == np.argmax(sums) + 1, plane, -np.inf)
        y, x = np.unravel_index(inside.argmax(), plane.shape)
        peaks.append((x, y, plane[y, x]))
    return np.array(peaks)


def cell_argmax(maps: np.ndarray) -> np.ndarray:
    """Return the centre of the greatest cell."""
    return to_input_frame(argmax_peaks(maps), STRIDE)


METHODS: dict[str, Peaks] = {
    REFERENCE: lambda maps: scipy_blobs(upsample_stride(maps, STRIDE)),
    "x8, blob_peaks": lambda maps: blob_peaks(upsample_stride(maps, STRIDE)),
    "x8, argmax_peaks": lambda maps: argmax_peaks(upsample_stride(maps, STRIDE)),
    "argmax_peaks": cell_argmax,
    "subpixel_peaks, cubic": lambda maps: to_input_frame(
        subpixel_peaks(maps, method="cubic", blur=0), STRIDE
    ),
    "subpixel_peaks, no blur": lambda maps: to_input_frame(subpixel_peaks(maps, blur=0), STRIDE),
    "subpixel_peaks": lambda maps: to_input_frame(subpixel_peaks(maps), STRIDE),
}


def measure_methods(rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median milliseconds and the mean error in input pixels of each method."""
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    errors: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(rounds):
        maps, xy = make_maps(seed)
        for name, method in METHODS.items():
            start = time.perf_counter()
            peaks = method(maps)
            times[name].append(1e3 * (time.perf_counter() - start))
            errors[name].append(float(np.linalg.norm(peaks[:, :2] - xy, axis=1).mean()))
    return {
        name: (statistics.median(times[name]), statistics.mean(errors[name])) for name in METHODS
    }


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    print(f"{KEYPOINTS} maps, {rounds} rounds, {cv2.getNumThreads()} threads of OpenCV")
    results = measure_methods(rounds)
    for name, (milliseconds, error) in results.items():
        ratio = milliseconds / results[REFERENCE][0]
        print(f"{name:38} {milliseconds:8.2f} ms {error:6.2f} px {ratio:8.4f}")


if __name__ == "__main__":
    main()
