"""Time what the explorer does for one move of a control, on the image that ships.

Each figure is from the change to the bytes that go to the browser: keypoints, table, image, JPEG.
Run it on an idle machine, from the repository's root: python -m tests.benchmarks.explorer
"""

import argparse
import statistics
import time

from openpose_keras import HandEstimator, read_image
from openpose_keras.core._opencv import cv2
from openpose_keras.viz.explorer import Session
from openpose_keras.viz.explorer.render import render
from openpose_keras.viz.explorer.state import CHANNELS
from tests.helpers import ROOT

IMAGE = ROOT / "notebooks/images/hands.jpg"


def update(session):
    """Do what the widget does after a change."""
    cv2.imencode(".jpg", render(session).image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    session.table()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--preset", default="hand_lite")
    args = parser.parse_args()

    session = Session(read_image(IMAGE), HandEstimator.from_preset(args.preset))
    actions = {
        "threshold": lambda number: session.change(threshold=0.1 + number % 50 / 100),
        "opacity": lambda number: session.change(opacity=number % 50 / 50),
        "keypoint": lambda number: session.change(channel=number % len(CHANNELS)),
        "close or whole": lambda number: session.change(close=bool(number % 2)),
        "a known stage": lambda number: session.change(stage=1 + number % session.stages),
        "a keypoint is moved": lambda number: session.move_keypoint(number % 5, (300, 400)),
        "a box is moved: the network runs": lambda number: session.move_box(
            (60 + number / 10, 310, 430, 430)
        ),
    }
    for stage in range(1, session.stages + 1):
        session.change(stage=stage)
        update(session)
    print(f"{len(session.hands)} hands, {session.stages} stages, image {session.image.shape}")
    for name, action in actions.items():
        times = []
        for number in range(args.rounds):
            start = time.perf_counter()
            action(number)
            update(session)
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:<34} {statistics.median(times):7.1f} ms, at most {max(times):7.1f} ms")


if __name__ == "__main__":
    main()
