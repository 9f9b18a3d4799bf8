"""Small stand-ins for what a training run needs: hands, a bank of them, pictures, a config."""

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.training import render_cache
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.synthesis.render import HandLayer


def open_hand(centre, size):
    """Lay 21 keypoints (21, 2) out as an open hand does; `size` is the longer side."""
    rays = np.deg2rad(np.array([-50, -20, 0, 15, 32]))
    steps = np.array([0.45, 0.65, 0.82, 1.0])
    points = [(0.0, 0.0)]
    points += [(np.sin(ray) * step, -np.cos(ray) * step) for ray in rays for step in steps]
    xy = np.array(points)
    xy = (xy - (xy.min(0) + xy.max(0)) / 2) / np.ptp(xy, axis=0).max()
    return (xy * size + centre).astype(np.float32)


def fake_layer(rng, size=64):
    """A hand layer: a blob of one colour on a clear ground, keypoints within."""
    xy = open_hand(np.full(2, (size - 1) / 2), 0.45 * size)
    rgba = np.zeros((size, size, 4), np.uint8)
    cv2.circle(rgba, (size // 2, size // 2), size // 3, (0, 0, 0, 255), -1)
    rgba[..., :3] = rng.integers(40, 256, 3) * (rgba[..., 3:] > 0)
    side = "left" if rng.random() < 0.5 else "right"
    return HandLayer(rgba, xy, np.ones(21, bool), side, gloved=bool(rng.random() < 0.3))


def fake_source(rng):
    """Give a fake hand as a composer's source does."""
    layer = fake_layer(rng)
    return layer.rgba, layer.xy


def write_bank(folder, *, shards=1, layers=6, seed=0):
    """Write a bank of fake hands with the bank's own writer."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        rng = np.random.default_rng((seed, number))
        render_cache._write_shard(
            folder / f"{number:04d}", [fake_layer(rng) for _ in range(layers)]
        )
    return folder


def write_pictures(folder, count=9, size=(80, 100)):
    """Write pictures of noise; the red channel says which one it is: 10 times its number."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        picture[..., 0] = 10 * number
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture[..., ::-1])
    return folder


def small_config(folder, **changes):
    """A run of two epochs of two steps: fake hands, fake pictures, no photos, no teacher."""
    write_bank(folder / "run" / "hands-1", seed=1)
    write_bank(folder / "run" / "held-1001", seed=2)
    write_pictures(folder / "pictures")
    fields = {
        "out": str(folder / "run"),
        "assets": str(folder / "no_assets"),
        "backgrounds": str(folder / "pictures"),
        "hands": 6,
        "held_hands": 6,
        "photo_share": 0.0,
        "from_teacher": False,
        "validation_samples": 4,
        "size": 32,
        "batch_size": 2,
        "epochs": 2,
        "steps_per_epoch": 2,
    }
    return TrainConfig(**{**fields, **changes})
