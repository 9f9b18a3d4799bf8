"""Measure the search for hands on labelled photos, and MediaPipe Hands 0.10.21 on the same.

From the repository's root: python -m tests.benchmarks.versus_photos LABELS IMAGES. `openpose-keras
render marked_photos` writes such a set; `evaluate --search` says what the figures mean.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np

from openpose_keras import Hand, HandEstimator, read_image
from openpose_keras.core.boxes import box_from_points
from openpose_keras.evaluation import evaluate_search
from openpose_keras.io.coco import read_labels
from tests.benchmarks.versus import SMALLEST, WAYS, their_python

THEIRS = """
import json, sys
import cv2, mediapipe as mp
found = []
solution = mp.solutions.hands.Hands(
    static_image_mode=True, max_num_hands=10, min_detection_confidence=float(sys.argv[1])
)
for path in sys.argv[2:]:
    image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    answer = solution.process(image)
    found.append([
        {
            "xy": [(p.x * width - 0.5, p.y * height - 0.5) for p in hand.landmark],
            "side": side.classification[0].label,
            "score": side.classification[0].score,
        }
        for hand, side in zip(answer.multi_hand_landmarks or [], answer.multi_handedness or [])
    ])
print(json.dumps(found))
"""


def their_hands(paths, confidence):
    """Return MediaPipe's hands of each image file, by the image's bytes."""
    ran = subprocess.run(
        [their_python(), "-c", THEIRS, str(confidence), *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    return {
        read_image(path).tobytes(): [to_hand(hand) for hand in hands]
        for path, hands in zip(paths, json.loads(ran.stdout), strict=True)
    }


def to_hand(answer):
    """Return a hand; MediaPipe names the sides of a mirrored image."""
    xy = np.array(answer["xy"])
    side = {"Left": "right", "Right": "left"}[answer["side"]]
    return Hand(xy, np.full(21, answer["score"]), box_from_points(xy), side)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("images", type=Path)
    args = parser.parse_args()
    samples = list(read_labels(args.labels, args.images))
    for name, (preset, recipe) in WAYS.items():
        smallest = SMALLEST if recipe == "fast" else None
        print(name)
        estimator = HandEstimator.from_preset(preset, recipe=recipe, smallest=smallest)
        print(evaluate_search(estimator, samples))
    for confidence in (0.5, 0.2):
        hands = their_hands([sample.image for sample in samples], confidence)
        print(f"MediaPipe Hands, min_detection_confidence {confidence}")
        print(evaluate_search(lambda image, known=hands: known[image.tobytes()], samples))


if __name__ == "__main__":
    main()
