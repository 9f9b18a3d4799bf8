"""Time the same job beside MediaPipe Hands 0.10.21: a photo in, the drawn photo out.

Run it on an idle machine, from the repository's root: python -m tests.benchmarks.versus. The first
run installs MediaPipe in a virtual environment of its own, in the user's cache. Both read a photo,
find its hands, draw them and write a PNG. "fast" is the recipe of this name, with `smallest=1 / 6`;
with `mediapipe_hand` it runs MediaPipe's own networks.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.helpers import ROOT

MEDIAPIPE = "mediapipe==0.10.21"
ENVIRONMENT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openpose_keras_ci"
PHOTO = ROOT / "notebooks/images/hands.jpg"

WAYS = {
    "hand_lite": ("hand_lite", "refined"),
    "hand_lite, fast": ("hand_lite", "fast"),
    "mediapipe_hand, fast": ("mediapipe_hand", "fast"),
}
SMALLEST = 1 / 6  # of the image: the smallest hands that "fast" looks for

THEIRS = """
import sys, time
import cv2, mediapipe as mp
photo, out, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
solution = mp.solutions.hands
hands = solution.Hands(static_image_mode=True, max_num_hands=4)
image = cv2.imread(photo)
rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
found = hands.process(rgb).multi_hand_landmarks or []
for each in found:
    mp.solutions.drawing_utils.draw_landmarks(image, each, solution.HAND_CONNECTIONS)
cv2.imwrite(out, image)
times = []
for _ in range(calls):
    start = time.perf_counter()
    hands.process(rgb)
    times.append(time.perf_counter() - start)
print(len(found), sorted(times)[calls // 2] if calls else 0.0)
"""

OURS = """
import sys, time
from openpose_keras import HandEstimator, draw_hands, read_image, write_image
photo, out, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
preset, recipe, smallest = *sys.argv[4:6], float(sys.argv[6]) if sys.argv[5] == "fast" else None
estimator = HandEstimator.from_preset(preset, recipe=recipe, smallest=smallest)
image = read_image(photo)
found = estimator(image)
write_image(out, draw_hands(image, found))
medians = []
boxes = [hand.box for hand in found[:1]]
for given in (None, boxes):
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        estimator(image, given)
        times.append(time.perf_counter() - start)
    medians.append(sorted(times)[calls // 2] if calls else 0.0)
import numpy as np
crop, times = np.zeros((1, 224, 224, 3), np.float32), []
for _ in range(calls):
    start = time.perf_counter()
    estimator.network(crop)
    times.append(time.perf_counter() - start)
print(len(found), *medians, sorted(times)[calls // 2] if calls else 0.0)
"""


def their_python() -> Path:
    """Return the Python of MediaPipe's environment, which is made when there is none."""
    folder = ENVIRONMENT / "mediapipe"
    python = folder / "bin/python"
    if not (folder / "complete").is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", MEDIAPIPE], check=True)
        (folder / "complete").touch()
    return python


def measure(command: list[str]) -> tuple[float, float, list[float]]:
    """Run a command, and return its seconds, its peak memory in MB and the numbers it printed."""
    code = (
        "import resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "out = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,"
        " check=True, text=True).stdout\n"
        "seconds = time.perf_counter() - start\n"
        "print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)\n"
        "print(out)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        cwd=ROOT,
    )
    first, _, rest = ran.stdout.partition("\n")
    seconds, memory = map(float, first.split())
    printed = rest.split() if "-c" in command else []
    return seconds, memory, [float(each) for each in printed]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20, help="warm calls of each round")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    args = parser.parse_args()

    theirs, rows = their_python(), {}
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn.png"
        command = [sys.executable, "-m", "openpose_keras", "detect", args.photo, "--parts", "hands"]
        ours, pair = [sys.executable, "-c", OURS, args.photo, drawn], [theirs, "-c", THEIRS]
        jobs = {name: [*ours, 0, *way, SMALLEST] for name, way in WAYS.items()}
        jobs["MediaPipe"] = [*pair, args.photo, drawn, 0]
        jobs["openpose-keras detect"] = [*command, "--out", folder, "--force"]
        jobs |= {f"{name}, warm": [*ours, args.calls, *way, SMALLEST] for name, way in WAYS.items()}
        jobs["MediaPipe, warm"] = [*pair, args.photo, drawn, args.calls]
        for _ in range(args.rounds):
            for name, job in jobs.items():
                rows.setdefault(name, []).append(measure(job))

    def middle(name: str, column: int) -> float:
        """Return the median over the rounds: seconds, memory, or a number that was printed."""
        values = [[row[0], row[1], *row[2]][column] for row in rows[name]]
        return statistics.median(values)

    print(f"{args.photo.name}; medians of {args.rounds} interleaved rounds")
    for name in (*WAYS, "openpose-keras detect"):
        seconds, memory = middle(name, 0), middle(name, 1)
        other, their_memory = middle("MediaPipe", 0), middle("MediaPipe", 1)
        print(
            f"{name + ', whole command':<40} {seconds:6.2f} s {memory:5.0f} MB; MediaPipe "
            f"{other:.2f} s {their_memory:.0f} MB: {seconds / other:.2f} and "
            f"{memory / their_memory:.2f} times"
        )
    for name in [f"{way}, warm" for way in WAYS]:
        searched, boxed, network = (1000 * middle(name, column) for column in (3, 4, 5))
        other = 1000 * middle("MediaPipe, warm", 3)
        hands, theirs_found = middle(name, 2), middle("MediaPipe, warm", 2)
        print(
            f"{name + ', searched':<40} {searched:6.1f} ms, {hands:.0f} hands; MediaPipe "
            f"{other:.1f} ms, {theirs_found:.0f} hands: {searched / other:.2f} times"
        )
        if hands:
            print(
                f"{name + ', its box given':<40} {boxed:6.1f} ms; the network alone "
                f"{network:.1f} ms: {boxed / network:.2f} times"
            )


if __name__ == "__main__":
    main()
