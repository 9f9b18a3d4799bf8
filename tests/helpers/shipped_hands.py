"""Renders again the hands that ship with the notebooks.

    python -m tests.helpers.shipped_hands --assets ASSETS [--out notebooks/images]

It takes a minute or two. No training run takes these seeds: runs render hands with seeds
1 and 1001.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.files import atomic_write
from openpose_keras.io.sample_hands import SHEETS

SEEDS = {"pairs": 7001, "many": 7002}
COUNTS = {"pairs": 32, "many": 256}  # poses
SIDES = {"pairs": 384, "many": 224}  # pixels of a tile; "many" as in the cache of a training run
FRACTION = 0.45  # of the tile that the hand takes, as in a bank too
COLUMNS = 16
QUALITY = 88


def render_sheet(name, assets, count=None):
    """Render the hands of a sheet: (number of the pose, layer) one by one."""
    from openpose_keras.training.synthesis.render import render_hand

    options = {"size": SIDES[name], "fraction": FRACTION}
    for number in range(COUNTS[name] if count is None else count):
        seed = (SEEDS[name], number)
        if name == "many":
            yield number, render_hand(assets, np.random.default_rng(seed), **options)
            continue
        for kind in ("bare", "glove"):
            rng, appearance_rng = np.random.default_rng(seed), np.random.default_rng((*seed, 1))
            hand = render_hand(assets, rng, kind=kind, appearance_rng=appearance_rng, **options)
            yield number, hand


def write_sheet(name, hands: Iterator, folder):
    """Write `NAME.webp` and `NAME.json`."""
    numbers, layers = zip(*hands, strict=True)
    tiles = [layer.rgba for layer in layers]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGBA2BGRA)
    _, data = cv2.imencode(".webp", sheet, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    facts = {
        "about": "rendered hands, CC0 mesh of GodotVR/godot-xr-tools; see README.md",
        "seed": SEEDS[name],
        "side": layers[0].rgba.shape[0],
        "hands": [_facts(*each) for each in zip(numbers, layers, strict=True)],
    }
    stem = Path(folder) / SHEETS[name]
    with (
        atomic_write(stem.with_suffix(".webp"), force=True) as sheet,
        atomic_write(stem.with_suffix(".json"), force=True) as table,
    ):
        sheet.write_bytes(data.tobytes())
        table.write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="utf8")


def _facts(number, layer):
    """Return what is known of a hand as plain data."""
    return {
        "pose": number,
        "side": layer.side,
        "gloved": layer.gloved,
        "kind": layer.meta["kind"],
        "xy": [round(float(value), 2) for value in layer.xy.ravel()],
        "visible": "".join("01"[int(seen)] for seen in layer.visible),
    }


def main():
    from openpose_keras.training.synthesis.assets import load_assets

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", required=True, help="folder with rigged_hand/")
    parser.add_argument("--out", default="notebooks/images", help="default: notebooks/images")
    arguments = parser.parse_args()
    assets = load_assets(arguments.assets)
    for name in SHEETS:
        write_sheet(name, render_sheet(name, assets), arguments.out)


if __name__ == "__main__":
    main()
