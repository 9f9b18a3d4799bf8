"""CPU time from maps to people: python -m tests.benchmarks.people.

Maps of BODY_25 at 656x368, people drawn plainly, one thread. The columns are OpenPose's steps: its
C++ (two Zen 4 cores, -O3, one thread; measured once, not in this run) takes 21 to 23 ms to enlarge
the maps, 57, 57 and 60 ms for the peaks of 1, 5 and 20 people, and 0.2, 0.7 and 8.1 ms to connect.
"refined" does not enlarge the maps. The settings take turns, so that a busy machine slows all of
them alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.heatmaps.candidates import openpose_candidates, refined_candidates
from openpose_keras.heatmaps.part_affinity import limb_scores
from openpose_keras.heatmaps.people import CONNECTORS
from openpose_keras.heatmaps.resize import upsample_apart
from tests.helpers.people import draw_maps, standing

SIZE, STRIDE = (368, 656), 8


def draw_cells(count: int) -> np.ndarray:
    """Return the maps (46, 82, 78) of people who stand about, some before others, and noise."""
    rng = np.random.default_rng(count)
    people = [
        standing(BODY_25, rng.uniform((40, 150), (616, 220)), rng.uniform(110, 260))
        for _ in range(count)
    ]
    maps = draw_maps(BODY_25, people, SIZE)
    cells = maps.reshape(SIZE[0] // 8, 8, SIZE[1] // 8, 8, -1)[:, 3:5, :, 3:5].mean((1, 3))
    noise = 0.002 * rng.standard_normal(cells.shape)
    return np.asarray(cells + noise, np.float32)


def measure(cells: np.ndarray) -> dict[str, float]:
    """Return the CPU milliseconds of each step, once."""
    times: dict[str, float] = {}

    def timed(name: str, step: Callable[[], object]) -> object:
        start = time.process_time()
        result = step()
        times[name] = (time.process_time() - start) * 1e3
        return result

    maps = timed("enlarge", lambda: upsample_apart(cells, SIZE))
    peaks = timed("peaks", lambda: openpose_candidates(maps[..., :25], offset=0.5))
    limbs = timed("limbs", lambda: limb_scores(maps[..., 26:], peaks, BODY_25))
    for name, connect in CONNECTORS.items():
        timed(name, lambda connect=connect: connect(peaks, limbs, BODY_25))
    times["peaks to people"] = times["peaks"] + times["limbs"] + times["openpose"]
    keypoints, fields = cells[..., :25], cells[..., 26:]
    peaks = timed("refined peaks", lambda: refined_candidates(keypoints, stride=STRIDE, offset=0.5))
    limbs = timed("refined limbs", lambda: limb_scores(fields, peaks, BODY_25, stride=STRIDE))
    timed("refined connect", lambda: CONNECTORS["openpose"](peaks, limbs, BODY_25))
    times["refined"] = sum(times[f"refined {step}"] for step in ("peaks", "limbs", "connect"))
    return times


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.people", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    scenes = {count: draw_cells(count) for count in (1, 5, 20)}
    runs = {count: [] for count in scenes}
    for _ in range(repeats):
        for count, cells in scenes.items():
            runs[count].append(measure(cells))
    print("people " + "".join(f"{name:>17}" for name in runs[1][0]))
    for count, found in runs.items():
        medians = (statistics.median(each[name] for each in found) for name in found[0])
        print(f"{count:<7}" + "".join(f"{value:>14.1f} ms" for value in medians))


if __name__ == "__main__":
    main()
