"""One checker for each section of a file of goldens: what is rebuilt, computed and compared."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.heatmaps.candidates import openpose_candidates
from openpose_keras.heatmaps.merging import merge
from openpose_keras.heatmaps.people import Thresholds, best_people, find_people
from openpose_keras.heatmaps.resize import upsample_apart

SKELETONS = {
    "BODY_25": BODY_25,
    "COCO_18": BODY_COCO,
    "MPI_15": BODY_MPI,
    "MPI_15_4": BODY_MPI,
}
CONNECTORS = {"": "openpose_cpu", "_gpu": "openpose"}  # by how the goldens' names end
_STABLE = 1e-6  # noise in the maps from which on an answer must agree
_PIXELS, _SCORES, _MAPS = 0.01, 1e-4, 2e-6


class Answer(NamedTuple):
    """One answer that was compared.

    Args:
        kind: What it is an answer to.
        case: Which one it is.
        agrees: Whether ours is the same.
        must: Whether it has to be; a tie decides some.
    """

    kind: str
    case: str
    agrees: bool
    must: bool = True


def same(ours: Any, theirs: Any, tolerance: float) -> bool:
    """Return whether two arrays have one shape and differ by at most a tolerance."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.size == theirs.size == 0:
        return True
    return ours.shape == theirs.shape and bool(np.abs(ours - theirs).max() <= tolerance)


def require_digest(scenes: Any, golden: dict[str, Any], *arrays: np.ndarray) -> None:
    """Refuse inputs that were not rebuilt as they were."""
    if scenes.digest(*arrays) != golden["digest"]:
        raise SystemExit(f"the inputs of {_case(golden)} are not rebuilt as they were")


def _case(golden: dict[str, Any]) -> str:
    """Name a golden."""
    keys = ("model", "scene_model", "category", "seed", "people_seed", "picture_seed")
    return " ".join(str(golden[key]) for key in keys if key in golden)


def people(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check enlarged maps, peaks, and the people of each connector and setting."""
    scene = scenes.make_scene(golden["model"], golden["seed"])
    require_digest(scenes, golden, *scene["maps"])
    skeleton, case = SKELETONS[golden["model"]], _case(golden)
    width, height = golden["net_sizes"][0]
    maps = _enlarged(scene["maps"], (height, width))
    samples = np.array(golden["map_samples"])
    channels, y, x = samples[:, :3].astype(int).T
    yield Answer("maps", case, same(maps[y, x, channels], samples[:, 3], _MAPS))
    stable = golden["stable_to"]
    for setting in ("default", "maximize"):
        limits = Thresholds.of_openpose(skeleton, maximize_positives=setting == "maximize")
        yield from _groups(golden, setting, maps, limits, stable)
        must = min(stable.values()) >= _STABLE
        found = openpose_candidates(
            maps[..., : len(skeleton)], threshold=limits.peak, offset=golden["nms_offset"]
        )
        if setting == "default":
            yield Answer("peaks", case, _same_peaks(found, golden["peaks"]), must)
        else:
            counts = [len(peaks) for peaks in found]
            agrees = counts == golden["peak_counts_maximize"]
            yield Answer("peak counts, maximize", case, agrees, must)


def variants(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the network of four stages, and maps that are enlarged by another ratio."""
    scene = scenes.make_scene(golden["scene_model"], golden["seed"])
    require_digest(scenes, golden, *scene["maps"])
    width, height = golden["map_size"]
    maps = _enlarged(scene["maps"], (height, width))
    skeleton = SKELETONS[golden["model"]]
    limits = Thresholds.of_openpose(skeleton, peak=golden["nms_threshold"])
    found = openpose_candidates(
        maps[..., : len(skeleton)], threshold=limits.peak, offset=golden["nms_offset"]
    )
    must = golden["stable_to"] >= _STABLE
    yield Answer("peaks", _case(golden), _same_peaks(found, golden["peaks"]), must)
    stable = dict.fromkeys(("default", "default_gpu"), golden["stable_to"])
    yield from _groups(golden, "default", maps, limits, stable)


def top(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check which people number_people_max keeps."""
    _, bodies = scenes.body_set(golden["seed"], "BODY_25", 6)
    if golden["ties"]:
        bodies[3] = bodies[4] = bodies[1]
    scores = np.array(golden["scores"], np.float32)
    require_digest(scenes, golden, bodies, scores)
    for most, kept in golden["kept"].items():
        found = best_people(bodies, scores, int(most)).tolist()
        yield Answer("number_people_max", f"{_case(golden)}, {most}", found == kept)


def _enlarged(maps: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Return the merged maps (H, W, C) of several scales, each (C, h, w)."""
    return merge(upsample_apart(np.moveaxis(each, 0, 2), size) for each in maps)


def _same_peaks(ours: list[np.ndarray], theirs: list[list[list[float]]]) -> bool:
    """Return whether the peaks of all maps agree."""
    pairs = zip(ours, theirs, strict=True)
    return all(len(one) == len(other) and same(one, other, _PIXELS) for one, other in pairs)


def _groups(
    golden: dict[str, Any],
    setting: str,
    maps: np.ndarray,
    limits: Thresholds,
    stable: dict[str, float],
) -> Iterator[Answer]:
    """Check the people of a setting with both connectors."""
    skeleton = SKELETONS[golden["model"]]
    for ending, connector in CONNECTORS.items():
        keypoints, scores = find_people(
            maps, skeleton, connector=connector, thresholds=limits, offset=golden["nms_offset"]
        )
        factor = golden["scale_net_to_image"]
        ratio = golden["net_sizes"][0][0] / maps.shape[1]
        factor = factor if "map_size" in golden else factor * ratio
        flat = np.nan_to_num(keypoints * np.array([factor, factor, 1], np.float32))
        theirs = golden[setting + ending]
        expected = np.array(theirs["people"], np.float32).reshape(-1, len(skeleton), 3)
        shown = slice(len(expected))
        agrees = (
            len(flat) == theirs["count"]
            and same(flat[shown, :, :2], expected[..., :2], _PIXELS)
            and same(flat[shown, :, 2], expected[..., 2], _SCORES)
            and same(scores[shown], theirs["scores"], _SCORES)
        )
        must = stable[setting + ending] >= _STABLE
        yield Answer(f"{setting}, {connector}", _case(golden), agrees, must)


SECTIONS = {"people": people, "variants": variants, "top": top}
"""What checks one golden, by the name of its section."""
