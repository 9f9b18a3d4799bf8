"""Time what the explorer does for one move of a control, on the image that ships.

Each figure is from the change to the bytes that go to the browser: keypoints, table, image, JPEG.
Run it on an idle machine, from the repository's root: python -m tests.benchmarks.explorer
"""

import argparse
import statistics
import time

from openpose_keras import HandEstimator, read_image
from openpose_keras.viz.explorer.render import render
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.explorer.widgets import Canvas, table_rows
from tests.helpers import ROOT

IMAGE = ROOT / "notebooks/images/hands.jpg"


def update(session, canvas):
    """Do what the widget does after a change."""
    canvas.show(*render(session))
    table_rows(session.result().keypoints, ())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--preset", default="hand_lite")
    args = parser.parse_args()

    canvas = Canvas()
    session = Session(read_image(IMAGE), HandEstimator.from_preset(args.preset))
    actions = {
        "threshold": lambda number: session.change(threshold=0.1 + number % 50 / 100),
        "opacity": lambda number: session.change(opacity=number % 50 / 50),
        "keypoint": lambda number: session.change(channel=number % len(session.skeleton)),
        "close or whole": lambda number: session.change(close=bool(number % 2)),
        "a known stage": lambda number: session.change(stage=1 + number % session.network.count),
        "a keypoint is moved": lambda number: session.move_keypoint(number % 5, (300, 400)),
        "a box is moved: the network runs": lambda number: session.move_box(
            (60 + number / 10, 310, 430, 430)
        ),
    }
    stages = session.network.count
    for stage in range(1, stages + 1):
        session.change(stage=stage)
        update(session, canvas)
    print(f"{len(session.hands)} hands, {stages} stages, image {session.image.shape}")
    for name, action in actions.items():
        times = []
        for number in range(args.rounds):
            start = time.perf_counter()
            action(number)
            update(session, canvas)
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:<34} {statistics.median(times):7.1f} ms, at most {max(times):7.1f} ms")


if __name__ == "__main__":
    main()
