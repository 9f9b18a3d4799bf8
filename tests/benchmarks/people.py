"""CPU time from maps to people: python -m tests.benchmarks.people.

Maps of BODY_25 at 656x368, people drawn plainly, one thread. The columns are OpenPose's steps: its
C++ (two Zen 4 cores, -O3, one thread; measured once, not in this run) takes 21 to 23 ms to enlarge
the maps, 57, 57 and 60 ms for the peaks of 1, 5 and 20 people, and 0.2, 0.7 and 8.1 ms to connect.
"refined" does not enlarge the maps. The settings take turns, so that a busy machine slows all of
them alike. After the enlarged maps, 60 MB each, nothing of "refined" is left in the processor's
caches: "cold" is its time in that state, the others that of its next turn.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.heatmaps.candidates import openpose_candidates, refined_candidates
from openpose_keras.heatmaps.connectors import connect_openpose, connect_openpose_cpu
from openpose_keras.heatmaps.part_affinity import limb_scores
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


def measure(**steps: Callable[[dict[str, Any]], object]) -> dict[str, float]:
    """Return the CPU milliseconds of steps, each of which is called with what those before made."""
    times, made = {}, {}
    for name, step in steps.items():
        start = time.process_time()
        made[name] = step(made)
        times[name] = (time.process_time() - start) * 1e3
    return times


def measure_exact(cells: np.ndarray) -> dict[str, float]:
    """Return the CPU milliseconds of the steps on enlarged maps, once."""
    times = measure(
        enlarge=lambda made: upsample_apart(cells, SIZE),
        peaks=lambda made: openpose_candidates(made["enlarge"][..., :25], offset=0.5),
        limbs=lambda made: limb_scores(made["enlarge"][..., 26:], made["peaks"], BODY_25),
        openpose=lambda made: connect_openpose(made["peaks"], made["limbs"], BODY_25),
        openpose_cpu=lambda made: connect_openpose_cpu(made["peaks"], made["limbs"], BODY_25),
    )
    return times | {"peaks to people": sum(times[step] for step in ("peaks", "limbs", "openpose"))}


def measure_refined(cells: np.ndarray) -> dict[str, float]:
    """Return the CPU milliseconds of the steps on the network's own cells, once."""
    keypoints, fields = cells[..., :25], cells[..., 26:]
    times = measure(
        peaks=lambda made: refined_candidates(keypoints, stride=STRIDE, offset=0.5),
        limbs=lambda made: limb_scores(fields, made["peaks"], BODY_25, stride=STRIDE),
        connect=lambda made: connect_openpose(made["peaks"], made["limbs"], BODY_25),
    )
    named = {f"refined {name}": value for name, value in times.items()}
    return named | {"refined": sum(times.values())}


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.people", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    scenes = {count: draw_cells(count) for count in (1, 5, 20)}
    runs = {count: [] for count in scenes}
    for _ in range(repeats):
        exact = [measure_exact(cells) for cells in scenes.values()]
        for (count, cells), times in zip(scenes.items(), exact, strict=True):
            cold = measure_refined(cells)["refined"]
            runs[count].append(times | {"cold": cold})
        for count, cells in scenes.items():
            runs[count][-1].update(measure_refined(cells))
    print("people " + "".join(f"{name:>16}" for name in runs[1][0]))
    for count, found in runs.items():
        medians = (statistics.median(each[name] for each in found) for name in found[0])
        print(f"{count:<7}" + "".join(f"{value:>13.1f} ms" for value in medians))


if __name__ == "__main__":
    main()
