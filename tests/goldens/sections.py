"""One checker for each section of a file of goldens: what is rebuilt, computed and compared."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.keypoints import SIDES, Keypoints, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, FACE, HAND
from openpose_keras.estimators.body_boxes import TrackedHands, face_boxes, hand_boxes
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe, scale_range
from openpose_keras.estimators.views import make_views
from openpose_keras.geometry import Crop
from openpose_keras.geometry.network_size import (
    factor_to_image,
    fit_factor,
    network_sizes,
    scale_keypoints,
)
from openpose_keras.geometry.transforms import Fit
from openpose_keras.heatmaps.candidates import openpose_candidates
from openpose_keras.heatmaps.merging import merge
from openpose_keras.heatmaps.peaks import argmax_peaks
from openpose_keras.heatmaps.people import Thresholds, best_people, find_people
from openpose_keras.heatmaps.resize import foreground, upsample, upsample_apart
from openpose_keras.io.openpose_json import format_people, people_from_openpose
from openpose_keras.viz.drawing import draw

SKELETONS = {
    "BODY_25": BODY_25,
    "COCO_18": BODY_COCO,
    "MPI_15": BODY_MPI,
    "MPI_15_4": BODY_MPI,
}
CONNECTORS = {"": "openpose_cpu", "_gpu": "openpose"}  # by how the goldens' names end
_STABLE = 1e-6  # noise in the maps from which on an answer must agree
_PIXELS, _SCORES, _MAPS = 0.01, 1e-4, 2e-6
_LEAVING = 0.01  # of the pixels, which versions of OpenCV clip otherwise


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
    factor = factor_to_image(golden["image_size"], golden["net_sizes"][0])
    agrees = same(factor, golden["scale_net_to_image"], 1e-6)
    agrees &= same(0.5 / factor, golden["nms_offset"], 1e-7)
    yield Answer("factor to the image, offset of peaks", case, agrees)
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


def boxes(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the boxes of hands and faces."""
    model, bodies = scenes.body_set(golden["seed"])
    require_digest(scenes, golden, bodies)
    skeleton = SKELETONS[model]
    for side in SIDES:
        found = np.nan_to_num(hand_boxes(bodies, skeleton, side))
        yield Answer(f"{side} hands", _case(golden), same(found, golden[side], _PIXELS))
    found = np.nan_to_num(face_boxes(bodies, skeleton))
    yield Answer("faces", _case(golden), same(found, golden["face"], _PIXELS))


def tracking(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the boxes of hands over frames."""
    sequence = scenes.tracking_sequence(golden["seed"])
    require_digest(scenes, golden, *(array for frame in sequence for array in frame[1:]))
    tracked = {side: TrackedHands(frame=0) for side in SIDES}  # as OpenPose begins
    for (number, bodies, *hands), expected in zip(sequence, golden["frames"], strict=True):
        for side, found in zip(SIDES, hands, strict=True):
            blended = tracked[side].blend(hand_boxes(bodies, BODY_25, side))
            agrees = same(np.nan_to_num(blended), expected[side], _PIXELS)
            yield Answer("boxes of a frame", f"{_case(golden)}, frame {number}, {side}", agrees)
            tracked[side] = tracked[side].update(found, number)


def sizes(golden: list[Any], scenes: Any) -> Iterator[Answer]:
    """Check the sizes of the network's input and of the output, and the factors to them."""
    (width, height), resolution, widest, count, gap, output, *expected = golden
    image, asked = (height, width), [None if side < 0 else side for side in resolution[::-1]]
    found = network_sizes(image, (asked[0], asked[1]), widest=widest, scales=count, gap=gap)
    target = image if output == [-1, -1] else (output[1], output[0])
    factor = 1.0 if output == [-1, -1] else fit_factor(image, target)
    factors = [fit_factor(image, size) for size in found]
    agrees = [[*size[::-1]] for size in found] == expected[0] and [*target[::-1]] == expected[2]
    agrees &= same(factors, expected[1], 1e-7) and same(factor, expected[3], 1e-7)
    yield Answer("sizes and factors", str(golden[:6]), agrees)


def inputs(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the input that the network sees."""
    width, height = golden["image_size"]
    image = scenes.picture(golden["picture_seed"], (width, height))
    require_digest(scenes, golden, image)
    fit = Fit((height, width), (golden["net_size"][1], golden["net_size"][0]))
    shown = fit.apply_image(image)
    samples = np.array(golden["samples"])
    agrees = same(shown[samples[:, 0], samples[:, 1]], samples[:, 2:], 0)
    agrees &= same(shown.mean(), golden["mean"], 1e-3) and same(fit.factor, golden["scale"], 1e-8)
    yield Answer("network inputs", _case(golden), agrees)


def hands(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the crop of a hand, the peaks of its maps, and its keypoints in the image."""
    width, height = golden["picture_size"]
    image, maps = (
        scenes.picture(golden["seed"], (width, height)),
        scenes.hand_maps(golden["seed"]),
    )
    require_digest(scenes, golden, image, maps)
    x, y, side = golden["box"]
    crop = Crop((x, y, side, side), 368, mirror=golden["mirror"], half_pixel=False)
    shown = crop.apply_image(image)
    samples = np.array(golden["crop_samples"])
    agrees = same(shown[samples[:, 0], samples[:, 1]], samples[:, 2:], 0)
    agrees &= same(shown.mean(), golden["crop_mean"], 1e-3)
    yield Answer("crops", _case(golden), agrees)
    peaks = argmax_peaks(foreground(upsample(np.moveaxis(maps, 0, 2), (368, 368))))
    yield Answer("peaks", _case(golden), same(peaks, golden["peaks"], _SCORES))
    recipe = replace(RECIPES["openpose"], scales=scale_range(6, 0.4))
    assert isinstance(recipe, Recipe)
    views = make_views(image, (x, y, side, side), recipe, InputSpec())
    axes = [view.frame.axes for (view,) in views]  # a view's pixel 0 shows the box's x and y
    found = [(left, top, 368 * step, 368 * step) for (step, left), (_, top) in axes]
    agrees = same(found, golden["boxes_of_6_scales_0.4"], _PIXELS)
    yield Answer("boxes of six scales", _case(golden), agrees)
    keypoints = np.column_stack([crop.invert_points(peaks[:, :2]), peaks[:, 2]])
    yield Answer("keypoints", _case(golden), same(keypoints, golden["keypoints"], _PIXELS))


def keypoint_scales(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check keypoints in each of the seven scales."""
    _, bodies = scenes.body_set(golden["seed"], golden["model"], golden["people"])
    require_digest(scenes, golden, bodies)
    width, height = golden["image_size"]
    for number, expected in enumerate(golden["modes"]):
        found = scale_keypoints(
            bodies,
            number,
            (height, width),
            image_to_output=golden["input_to_output"],
            network_to_image=golden["net_to_image"],
        )
        agrees = same(found.reshape(len(found), -1), expected, _SCORES)
        yield Answer(f"scale {number}", _case(golden), agrees)


def renders(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check drawings pixel by pixel; a line that leaves the image may differ a little."""
    size = tuple(golden["size"])
    image = scenes.picture(golden["picture_seed"], size)
    _, bodies, left, right, faces = scenes.people_set(
        golden["people_seed"], golden["model"], size, golden["people"]
    )
    drawn = {"body": (bodies,), "hand": (left, right), "face": (faces,)}[golden["what"]]
    require_digest(scenes, golden, image, *drawn)
    skeleton = {"body": SKELETONS[golden["model"]], "hand": HAND, "face": FACE}[golden["what"]]
    canvas = np.ascontiguousarray(image[..., ::-1]) if golden["blend"] else np.zeros_like(image)
    people = []
    for table in np.concatenate(drawn):
        found = table[:, 2] > 0
        xy = np.where(found[:, None], table[:, :2], np.nan)
        people.append(Person(Keypoints(xy, table[:, 2], skeleton=skeleton)))
    limits = {skeleton.name: golden["threshold"]}
    canvas = draw(canvas, people, thresholds=limits, supersample=1)
    data = np.frombuffer(base64.b64decode(golden["png"]), np.uint8)
    expected = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    differs = (canvas != expected).any(axis=2).mean()
    agrees = bool(differs == 0 if golden["inside"] else differs < _LEAVING)
    kind = "inside" if golden["inside"] else "leaving the image"
    yield Answer(f"drawings, {kind}", f"{_case(golden)}, {golden['what']}", agrees)


def json_files(golden: dict[str, Any], scenes: Any) -> Iterator[Answer]:
    """Check the text of OpenPose's JSON files, and that the people in it are read back."""
    _, bodies, left, right, faces = scenes.people_set(
        golden["people_seed"], golden["model"], people=golden["people"]
    )
    if golden["case"] == 6:
        bodies = bodies * np.float32(1234.5678)
        bodies[0, 0] = 1e-5, 123456.789, 1e7
        bodies[0, 1] = -0.5, 0.1, 1 / 3
    require_digest(scenes, golden, bodies, faces, left, right)
    body = SKELETONS[golden["model"]]
    kinds = {"body": body, "face": FACE, "left_hand": HAND, "right_hand": HAND}
    given = {"body": "body", "face": "face", "left_hand": "hands", "right_hand": "hands"}
    arrays = dict(zip(kinds, (bodies, faces, left, right), strict=True))
    people = []
    for index in range(golden["people"]):
        parts = {}
        for name, tables in arrays.items():
            if golden[f"with_{given[name]}"]:
                found = tables[index].any(axis=1)
                xy = np.where(found[:, None], tables[index][:, :2], np.nan)
                parts[name] = Keypoints(xy, tables[index][:, 2], skeleton=kinds[name])
        people.append(Person(**parts))
    candidates = [np.reshape(each, (-1, 3)) for each in golden["candidates"]] or None
    text = format_people(people, candidates=candidates)
    yield Answer("texts", str(golden["case"]), text == golden["text"])
    again = format_people(people_from_openpose(json.loads(golden["text"])), candidates=candidates)
    yield Answer("texts, read and written", str(golden["case"]), again == golden["text"])


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


SECTIONS = {
    "people": people,
    "variants": variants,
    "top": top,
    "boxes": boxes,
    "tracking": tracking,
    "sizes": sizes,
    "inputs": inputs,
    "hands": hands,
    "keypoint_scales": keypoint_scales,
    "renders": renders,
    "json": json_files,
}
"""What checks one golden, by the name of its section."""
