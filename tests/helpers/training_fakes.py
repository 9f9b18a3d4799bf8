"""Small stand-ins for what a training run needs: hands, a cache of them, images, a config."""

import io
import json
import tarfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import write_image
from openpose_keras.training import train as training_module
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.hands.compose import Composer
from openpose_keras.training.hands.photo_sets import PhotoHand, TrainingPhoto
from openpose_keras.training.hands.render_cache import DrawnHand, write_shard
from openpose_keras.training.synthesis.render import HandLayer


def open_hand(centre, size):
    """Return 21 keypoints (21, 2) of an open hand; `size` is the longer side of their extent."""
    rays = np.deg2rad(np.array([-50, -20, 0, 15, 32]))
    steps = np.array([0.45, 0.65, 0.82, 1.0])
    points = [(0.0, 0.0)]
    points += [(np.sin(ray) * step, -np.cos(ray) * step) for ray in rays for step in steps]
    xy = np.array(points)
    xy = (xy - (xy.min(0) + xy.max(0)) / 2) / np.ptp(xy, axis=0).max()
    return (xy * size + centre).astype(np.float32)


def found_hand(middle=(200, 180), size=100, presence=0.99, right=0.9, spread=0.01):
    """Return a hand as the labels.json of the photo sets has it."""
    keypoints = open_hand(middle, size).tolist()
    return {"keypoints": keypoints, "presence": presence, "right": right, "spread": spread}


def write_photo_sets(folder, labels, size=(480, 360), stored=None):
    """Write red photos and their labels, {file: hands}, as those of `photo_sets` are.

    Args:
        folder: The folder to write into.
        labels: The found hands of each file, "SET/NNNN.jpg".
        size: Width and height of the photos.
        stored: The files that the archives hold; all by default.
    """
    image = np.full((*size[::-1], 3), (0, 0, 250), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    for name in sorted({file.split("/")[0] for file in labels}):
        with tarfile.open(folder / f"{name}.tar", "w") as archive:
            for file in labels if stored is None else stored:
                if file.startswith(name):
                    entry = tarfile.TarInfo(file)
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
    photos = [
        {"file": file, "width": size[0], "height": size[1], "hands": hands}
        for file, hands in labels.items()
    ]
    (folder / "labels.json").write_text(json.dumps({"photos": photos}), encoding="utf8")


def dotted_photo(hands=((90, 100, 60),), size=(200, 180), doubtful=(), not_hands=()):
    """Return a dark photo of a set: hands of x, y and size, with a blue dot on every keypoint."""
    image = np.full((size[1], size[0], 3), 20, np.uint8)
    found = [open_hand((x, y), length) for x, y, length in hands]
    for xy in np.concatenate([*found, np.zeros((0, 2))]):
        cv2.circle(image, np.round(xy).astype(int).tolist(), 2, (0, 0, 255), -1)
    data = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    boxes = [np.reshape(np.array(each, np.float32), (-1, 4)) for each in (doubtful, not_hands)]
    return TrainingPhoto("a/0.png", "a", data, tuple(PhotoHand(xy, 1.0) for xy in found), *boxes)


def fake_layer(rng, size=64):
    """Return a hand layer: a disc of one colour on a clear background, the keypoints inside."""
    xy = open_hand(np.full(2, (size - 1) / 2), 0.45 * size)
    rgba = np.zeros((size, size, 4), np.uint8)
    cv2.circle(rgba, (size // 2, size // 2), size // 3, (0, 0, 0, 255), -1)
    rgba[..., :3] = rng.integers(40, 256, 3) * (rgba[..., 3:] > 0)
    side = "left" if rng.random() < 0.5 else "right"
    depth = np.linspace(0, -size / 8, len(xy), dtype=np.float32)  # the fingers point to the camera
    xyz = np.column_stack([xy, depth])
    return HandLayer(rgba, xyz, np.ones(21, bool), side, gloved=bool(rng.random() < 0.3))


def fake_hand(rng):
    """Draw a fake hand, as a cache of rendered hands has it and a source of a composer draws it."""
    layer = fake_layer(rng)
    return DrawnHand(layer.rgba, layer.xyz, float(layer.side == "right"))


def fake_hands(count, seed=0):
    """Return fake hands, as a cache of rendered hands does."""
    rng = np.random.default_rng(seed)
    return [fake_hand(rng) for _ in range(count)]


def fake_composer(size, backgrounds=()):
    """Return a composer of samples of fake hands."""
    return Composer([(fake_hand, 1.0)], list(backgrounds), size=size)


def write_images(folder, count=9, size=(80, 100)):
    """Write images of noise; the red channel is 10 times the number of the image."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        image[..., 0] = 10 * number
        write_image(folder / f"{number:02d}.png", image)
    return folder


def write_labelled(folder, *images):
    """Write images with a white dot on each keypoint of their hands, and their label file."""
    hands = {}
    folder.mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(images):
        image = np.zeros((300, 400, 3), np.uint8)
        for x, y in (point for xy in found for point in xy[np.isfinite(xy).all(axis=1)]):
            cv2.circle(image, (round(x), round(y)), 3, (255, 255, 255), -1)
        path = folder / f"{number}.png"
        write_image(path, image)
        hands[path] = [LabelledHand.from_keypoints(xy) for xy in found]
    write_labels(folder / "labels.json", hands, force=True)
    return folder / "labels.json"


def small_config(folder, **changes):
    """Return the config of two epochs of two steps: fake hands and images, random weights."""
    for name, seed in (("hands-1", 1), ("validation-1001", 2)):
        layers = [fake_hand(rng) for rng in map(np.random.default_rng, range(seed, 60, 10))]
        write_shard(folder / "run" / name / "0000.npy", layers)
    write_images(folder / "images")
    fields = {
        "out": str(folder / "run"),
        "assets": str(folder / "no_assets"),
        "backgrounds": str(folder / "images"),
        "hands": 6,
        "validation_hands": 6,
        "photo_fraction": 0.0,
        "pretrained": False,
        "validation_samples": 4,
        "size": 32,
        "batch_size": 2,
        "epochs": 2,
        "steps_per_epoch": 2,
    }
    return TrainConfig(**{**fields, **changes})


def stop_in_epoch(patch, number):
    """Let a run be killed while it writes the log of an epoch, before it writes its state."""
    replace, calls = Path.open, []

    def killed(path, *args, **options):
        if path.name.endswith("log.csv") and args[:1] == ("w",):
            calls.append(path)
            if len(calls) == number:
                raise KeyboardInterrupt
        return replace(path, *args, **options)

    patch.setattr(Path, "open", killed)


@contextmanager
def quick_runs():
    """Runs without a graph to be traced first."""
    make_task = training_module.make_task

    def make_eagerly(config):
        task = make_task(config)
        task.model.run_eagerly = True
        return task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "make_task", make_eagerly)
        yield patch
