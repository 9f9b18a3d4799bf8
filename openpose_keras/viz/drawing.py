"""Draw people, hands and heatmaps over images; every function returns a new image.

Colours, edges and sizes are those of OpenPose's CPU renderer (src/openpose/utilities/keypoint.cpp,
hand/renderHand.cpp and pose/poseCpuRenderer.cpp of CMU-Perceptual-Computing-Lab/openpose).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import BoxLike, check_box, keypoint_extent
from openpose_keras.core.checks import check_whole
from openpose_keras.core.keypoints import (
    PERSON_PARTS,
    Face,
    Hand,
    Keypoints,
    Person,
    as_people,
    refuse_one,
)
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, FACE, HAND, Skeleton
from openpose_keras.geometry.resampling import sample_maps
from openpose_keras.io.images import ImageLike, as_image

THRESHOLD = 0.2  # OpenPose's hand_render_threshold
HEATMAP_OPACITY = 0.7  # OpenPose's hand_alpha_heatmap
RECTANGLE_THRESHOLD = 0.1
SMALL = 0.05  # part of the image up to which circles have a thin stroke
LABEL_SCALE = 1 / 1200  # size of OpenCV's letters, in square roots of the image's pixels
_FINE_SIDE, _FINEST = 1440, 4  # longer side from which lines are fine, and the most samples
# OpenCV draws at 32-bit coordinates; nothing further out than this is visible anyway.
FARTHEST = 2**20


class Pen(NamedTuple):
    """The sizes of lines and circles in pixels.

    Args:
        line: Thickness of lines.
        radius: Radius of the circles at keypoints.
        circle: Thickness of the circles' stroke; -1 fills them.
    """

    line: int
    radius: int
    circle: int


class Style(NamedTuple):
    """OpenPose's style for the keypoints of one skeleton.

    Args:
        threshold: The score that keypoints must exceed.
        thickness: Thickness of the largest circles, relative to the square root of the image's
            number of pixels.
        line: Thickness of lines, relative to that of circles.
    """

    threshold: float
    thickness: float
    line: float


SKELETONS = (HAND, FACE, BODY_25, BODY_COCO, BODY_MPI)
"""The skeletons whose maps and thresholds are recognised automatically."""

BODY_STYLE = Style(0.05, 1 / 75, 0.75)
STYLES = {"hand": Style(THRESHOLD, 1 / 50, 0.75), "face": Style(0.4, 1 / 75, 0.334)}
"""Styles by the skeleton's name; all other skeletons are drawn in `BODY_STYLE`."""

Thresholds = Mapping[str, float] | float | None
"""Scores that keypoints must exceed to be drawn, see `draw`."""

PRESENT_FACE_THRESHOLD = 0.1  # of faces whose presence is known: `face_lite` has lower peaks


def pen_for(
    xy: np.ndarray, scores: np.ndarray, size: tuple[int, int], style: Style = STYLES["hand"]
) -> Pen:
    """Return the sizes with which OpenPose draws keypoints, which grow with their extent.

    Let w, h be the extent of the keypoints whose score is above 0.1, in an image of W x H. Then
    ratio = min(1, max(w / W, h / H)) and t = max(round(sqrt(W H) * thickness * ratio), 2). The
    thickness of a line is max(1, round(line * t)). A circle has the radius t // 2 and a stroke of
    t, or of 1 if the ratio is at most 0.05. OpenPose's thickness is a float32, so halves are
    rounded down for hands and up for bodies and faces.

    Args:
        xy: (k, 2) pixels, NaN where missing.
        scores: (k,).
        size: (height, width) of the image.
        style: The style of the skeleton.

    Returns:
        The sizes; those of ratio 0 if the score of no keypoint is above 0.1.

    Example:
        >>> pen_for(np.array([[0.0, 0.0], [100.0, 50.0]]), np.ones(2), (200, 200))
        Pen(line=2, radius=1, circle=2)
    """
    height, width = size
    _, extent = keypoint_extent(xy[scores > RECTANGLE_THRESHOLD])
    ratio = float(np.float32(min(1.0, max(extent[0] / width, extent[1] / height))))
    exact = math.sqrt(width * height) * float(np.float32(style.thickness)) * ratio
    thickness = max(_round(exact), 2)
    circle = thickness if ratio > SMALL else 1
    return Pen(max(1, _round(thickness * style.line)), thickness // 2, circle)


def _draw_onto(
    canvas: np.ndarray, keypoints: Keypoints, visible: np.ndarray, pen: Pen | float
) -> None:
    """Draw keypoints on an image as OpenPose does: lines first, then circles.

    Args:
        canvas: (H, W, 3) uint8 RGB, contiguous. It is changed in place.
        keypoints: The keypoints, with `xy` in pixels of the image. They may lie outside the image.
        visible: (K,) bool, which keypoints are drawn.
        pen: Sizes in pixels, or a factor of OpenPose's sizes, see `pen_for`.
    """
    skeleton, points = keypoints.skeleton, _pixels(keypoints.xy)
    sizes = pen if isinstance(pen, Pen) else pen_of(keypoints, canvas.shape[:2], pen)
    for start, end in skeleton.edge_indices:
        if visible[start] and visible[end]:
            cv2.line(canvas, points[start], points[end], skeleton.colors[end], sizes.line)
    for index in np.flatnonzero(visible):
        cv2.circle(canvas, points[index], sizes.radius, skeleton.colors[index], sizes.circle)


def pen_of(keypoints: Keypoints, size: tuple[int, int], factor: float = 1.0) -> Pen:
    """Return the sizes of `pen_for` for the style of the keypoints' skeleton, times a factor."""
    if not (isinstance(factor, Real) and factor > 0):
        raise ValueError(f"expected a Pen, or a factor above 0 of OpenPose's, got {factor!r}")
    style = STYLES.get(keypoints.skeleton.name, BODY_STYLE)
    pen = pen_for(keypoints.xy, keypoints.scores, size, style)
    return Pen(*(each if each < 0 else max(_round(factor * each), 1) for each in pen))


def drawn_parts(
    people: Iterable[Person], thresholds: Thresholds = None
) -> list[tuple[Keypoints, np.ndarray]]:
    """Return the parts of people in drawing order, with their visible keypoints.

    Args:
        people: People with any parts.
        thresholds: As for `draw`.

    Returns:
        All bodies, then faces, left hands and right hands, each with (K,) bool: True for the
        keypoints that are drawn.

    Raises:
        TypeError: The thresholds are neither a number nor a mapping.
        ValueError: A threshold belongs to a skeleton that no person has.
    """
    everyone = list(people)
    parts = [each.parts[part] for part in PERSON_PARTS for each in everyone if part in each.parts]
    if not isinstance(thresholds, Mapping | float | int | None):
        got = type(thresholds).__name__
        raise TypeError(f'expected one threshold, or {{"hand": 0.3}} and the like, got a {got}')
    if isinstance(thresholds, float | int):
        return [(part, _visible(part, thresholds)) for part in parts]
    limits = dict(thresholds or {})
    names = dict.fromkeys(each.name for each in (*SKELETONS, *(part.skeleton for part in parts)))
    if "body" in limits:  # of any skeleton
        limits = dict.fromkeys(names.keys() - {"hand", "face"}, limits.pop("body")) | limits
    if strange := [name for name in limits if name not in names]:
        raise ValueError(f"expected thresholds of {', '.join(names)}, got {', '.join(strange)}")
    return [(part, _visible(part, limits.get(part.skeleton.name))) for part in parts]


def _visible(keypoints: Keypoints, threshold: float | None = None) -> np.ndarray:
    """Return which keypoints (K,) exceed a threshold, or the default one, see `draw`."""
    if threshold is None:
        is_present = isinstance(keypoints, Face) and keypoints.presence is not None
        style = STYLES.get(keypoints.skeleton.name, BODY_STYLE)
        threshold = PRESENT_FACE_THRESHOLD if is_present else style.threshold
    visible: np.ndarray = keypoints.found & (keypoints.scores > threshold)
    return visible


def draw(
    image: ImageLike,
    people: Iterable[Person | Keypoints],
    *,
    thresholds: Thresholds = None,
    pen: Pen | float = 1.0,
    supersample: int | None = None,
    ids: bool = False,
    boxes: bool = False,
) -> np.ndarray:
    """Draw people as OpenPose does, with finer lines in small images.

    Bodies are drawn first, then faces, left hands and right hands.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        people: The people, or only their bodies, faces or hands, in pixels of the image.
        thresholds: The score that all keypoints must exceed, or a mapping from names of skeletons
            to scores, for example {"hand": 0.3}, or {"body": 0.1} for bodies of any skeleton. The
            defaults are OpenPose's: 0.05 for bodies, 0.4 for faces and 0.2 for hands. For a face
            whose presence is known the default is 0.1, since it has been assessed as a whole.
        pen: A factor of OpenPose's sizes, see `pen_for`; or `Pen(line, radius, circle)` of
            `viz.drawing`, sizes in pixels for all parts.
        supersample: The factor by which the skeletons are enlarged for drawing, before they are
            averaged to the image's size. This gives lines finer than a pixel, with smooth edges,
            for small people. None selects `finer_lines` of the image, and 1 reproduces OpenPose's
            drawing exactly. With a `Pen` it is 1.
        ids: Whether to write the id of each drawn person, if there is one, above the highest
            keypoint, unlike OpenPose.
        boxes: Whether to draw the box of each drawn body, face and hand, with `part_label` at its
            corner. If a part has no box, the extent of its drawn keypoints is used.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
        TypeError: The people are not a list of people, or the thresholds are neither a number nor a
            mapping.
        ValueError: A threshold belongs to a skeleton that no person has.

    Example:
        >>> image = np.zeros((80, 60, 3), np.uint8)
        >>> hand = Hand(xy=np.full((len(HAND), 2), 30.0), scores=np.ones(len(HAND)))
        >>> int(draw(image, [Person(left_hand=hand)], supersample=1).max())
        255
    """
    image = as_image(image)
    everyone = as_people(people)
    parts = drawn_parts(everyone, thresholds)
    canvas = _painted(image, parts, pen, supersample)
    for part, visible in parts if boxes else ():
        _draw_box(canvas, part, visible)
    for person in everyone if ids else ():
        own = list(person.parts.values())
        shown = [part.xy[visible] for part, visible in parts if part in own]
        xy = np.concatenate([np.empty((0, 2)), *shown])
        if person.id is not None and len(xy):
            _write(canvas, str(person.id), xy[xy[:, 1].argmin()], centred=True)
    return canvas


def finer_lines(image_size: tuple[int, ...]) -> int:
    """Return a `supersample` that keeps lines finer than fingers and eyes in small images.

    Args:
        image_size: (height, width) of the image, or its full shape.

    Example:
        >>> finer_lines((480, 640)), finer_lines((3000, 4000))
        (3, 1)
    """
    return min(max(-(-_FINE_SIDE // max(image_size[:2])), 1), _FINEST)


def enlarge_keypoints(keypoints: Keypoints, factor: float) -> Keypoints:
    """Return keypoints scaled to an enlarged image by the half-pixel rule, without their box."""
    xy = (keypoints.xy + 0.5) * factor - 0.5
    return keypoints if factor == 1 else replace(keypoints, xy=xy, box=None)


def _painted(
    image: np.ndarray,
    parts: Sequence[tuple[Keypoints, np.ndarray]],
    pen: Pen | float,
    supersample: int | None,
) -> np.ndarray:
    """Return a copy of an image with drawn keypoints; arguments as for `draw` and `_draw_onto`."""
    factor = finer_lines(image.shape) if supersample is None else supersample
    check_whole(factor, "supersample")
    factor = 1 if isinstance(pen, Pen) else factor
    height, width = image.shape[:2]
    size = (factor * width, factor * height)
    canvas = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))
    for part, visible in parts:
        _draw_onto(canvas, enlarge_keypoints(part, factor), visible, pen)
    if factor == 1:
        return canvas
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)


def draw_hands(
    image: ImageLike,
    hands: Sequence[Hand],
    *,
    threshold: float = THRESHOLD,
    pen: Pen | float = 1.0,
    labels: bool = False,
    supersample: int | None = None,
) -> np.ndarray:
    """Draw the skeletons of hands as OpenPose does, with finer lines in small images.

    Left hands are drawn first, then the others. A line has the colour of its second keypoint. A
    keypoint that is missing, or whose score is not above the threshold, is not drawn, and neither
    are its lines. OpenPose does not draw a hand whose keypoints span no area, such as a single
    keypoint; this function draws it with the smallest sizes.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        hands: The hands, with `xy` in pixels of the image. They may lie partly outside the image.
        threshold: The score that a keypoint must exceed.
        pen: A factor of OpenPose's sizes, see `pen_for`; or `Pen(line, radius, circle)` of
            `viz.drawing`, sizes in pixels for all parts.
        labels: Whether to write the `hand_label` of each hand above it, unlike OpenPose.
        supersample: As for `draw`.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
        TypeError: The hands are not a list of hands.

    Example:
        >>> image = np.zeros((80, 60, 3), np.uint8)
        >>> hand = Hand(xy=np.full((len(HAND), 2), 30.0), scores=np.ones(len(HAND)))
        >>> draw_hands(image, [hand], supersample=1)[30, 30].tolist(), int(image.max())
        ([255, 0, 255], 0)
    """
    refuse_one(hands, "hands")
    if others := [each for each in hands if not isinstance(each, Hand)]:
        raise TypeError(
            f"expected a list of Hand, got {type(others[0]).__name__}: the image comes first, "
            "(image, hands); of whole people draw(image, people)"
        )
    ordered = sorted(hands, key=lambda hand: hand.side != "left")
    parts = [(hand, _visible(hand, threshold)) for hand in ordered]
    canvas = _painted(as_image(image), parts, pen, supersample)
    for hand, visible in parts if labels else ():
        if visible.any():
            _write(canvas, hand_label(hand), hand.xy[visible].min(axis=0))
    return canvas


def hand_label(hand: Hand) -> str:
    """Return a label for a hand: its side, and its presence in per cent, as far as they are known.

    Args:
        hand: A hand from any estimator.

    Returns:
        The label; empty if neither is known.

    Example:
        >>> hand_label(Hand(np.zeros((21, 2)), np.ones(21), side="left", presence=0.987))
        'left 99 %'
    """
    presence = None if hand.presence is None else _per_cent(hand.presence)
    return " ".join(filter(None, (hand.side, presence)))


def part_label(part: Keypoints) -> str:
    """Return a label for a body, face or hand: its confidence and, for a hand, its side.

    Args:
        part: A part from any estimator.

    Returns:
        The side of a hand, and the presence in per cent if the network estimates it, otherwise the
        mean score.

    Example:
        >>> part_label(Face(np.zeros((70, 2)), np.ones(70), presence=0.987))
        '99 %'
        >>> part_label(Hand(np.zeros((21, 2)), np.full(21, 0.5), side="left"))
        'left 0.50'
    """
    presence = part.presence if isinstance(part, (Face, Hand)) else None
    sure = f"{part.score:.2f}" if presence is None else _per_cent(presence)
    return f"{part.side} {sure}" if isinstance(part, Hand) and part.side else sure


def _per_cent(probability: float) -> str:
    """Format a probability in whole per cent."""
    return f"{probability:.0%}".replace("%", " %")


def _draw_box(canvas: np.ndarray, part: Keypoints, visible: np.ndarray) -> None:
    """Draw the box of a part in white with black edges, with its label, in place."""
    if not visible.any():
        return
    if part.box is None:
        low, high = part.xy[visible].min(axis=0), part.xy[visible].max(axis=0)
    else:
        low = np.array(part.box[:2])
        high = low + part.box[2:]
    thin = max(_round(math.sqrt(canvas[..., 0].size) / 500), 1)
    corner, opposite = _pixels(np.array([low, high]))
    for color, thickness in (((0, 0, 0), 3 * thin), ((255, 255, 255), thin)):
        cv2.rectangle(canvas, corner, opposite, color, thickness)
    _write(canvas, part_label(part), low)


def _write(canvas: np.ndarray, text: str, corner: np.ndarray, *, centred: bool = False) -> None:
    """Write a text in white with black edges above a position but inside the image, in place.

    The text begins at the position, or is centred above it. The letters are drawn once and dilated
    for the edge, because thicker letters are also wider in OpenCV 5.
    """
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(LABEL_SCALE * math.sqrt(canvas[..., 0].size), 0.4)
    thickness = max(_round(2 * scale), 1)
    (width, height), below = cv2.getTextSize(text, font, scale, thickness)
    rows, columns = canvas.shape[:2]
    left = corner[0] - width / 2 * centred
    x = min(max(_round(left), 0), max(columns - width, 0))
    y = min(max(_round(corner[1]) - 2 * below, height + 1), rows)
    letters = np.zeros((rows, columns), np.uint8)
    cv2.putText(letters, text, (x, y), font, scale, 255, thickness, cv2.LINE_AA)
    edge = cv2.dilate(letters, np.ones((2 * thickness + 1,) * 2, np.uint8))
    x, y, width, height = cv2.boundingRect(edge)
    part = np.s_[y : y + height, x : x + width, None]
    canvas[part[:2]] = np.maximum(canvas[part[:2]] * (1 - edge[part] / 255), letters[part])


def contact_sheet(
    samples: Iterable[tuple[np.ndarray, Sequence[Keypoints]]], *, columns: int = 8
) -> np.ndarray:
    """Arrange images in rows, with the skeletons of the hands or bodies in them.

    Args:
        samples: Images (h, w, 3) uint8 RGB of the same size, each with its keypoints.
        columns: Number of images in a row. The last row is filled with grey.

    Returns:
        (rows * h, columns * w, 3) uint8 RGB.

    Raises:
        ValueError: There is no image.

    Example:
        >>> contact_sheet([(np.zeros((9, 9, 3), np.uint8), [])] * 3, columns=2).shape
        (18, 18, 3)
    """
    tiles = [draw(image, keypoints) for image, keypoints in samples]
    if not tiles:
        raise ValueError("expected at least one image for a contact sheet, got none")
    tiles += [np.full_like(tiles[0], 128)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.vstack(rows)


def draw_heatmaps(
    image: ImageLike,
    maps: np.ndarray,
    index: int | str | None = None,
    *,
    opacity: float = HEATMAP_OPACITY,
    box: BoxLike | None = None,
    skeleton: Skeleton | None = None,
) -> np.ndarray:
    """Draw one heatmap, or the maximum of all keypoints' heatmaps, over an image.

    Values are clipped to [0, 1] and coloured with the inferno colormap, whose lightness increases
    uniformly: black is 0, light yellow is 1. Maps may have any resolution. They are aligned by the
    half-pixel rule: the image and the map cover the same area.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        maps: (h, w, K + 1) heatmaps, or (h, w, K) without the background, or (h, w, K + 1 + 2 L)
            with part affinity fields, as `BodyEstimator.merge` returns them; or one map (h, w).
        index: The channel to show: a number, a keypoint's name, or "background"; None for the
            maximum over all keypoints.
        opacity: 0 shows only the image, 1 only the heatmap.
        box: (x, y, width, height) that the maps cover, in pixels of the image: `frame.box` of
            `HandEstimator.heatmaps`, or of a body's view. The image outside the box is not changed.
            By default the maps cover the whole image.
        skeleton: Names of the K keypoints; None selects the one of `SKELETONS` with this number of
            maps.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
        TypeError: The maps are a tuple. `heatmaps` returns a tuple of maps and a frame.
        ValueError: The maps do not match the skeleton, there is no such channel, or the opacity or
            the box is not valid.

    Example:
        >>> image = np.full((40, 60, 3), 100, np.uint8)
        >>> draw_heatmaps(image, np.zeros((5, 8)), opacity=0.5)[0, 0].tolist()
        [50, 50, 52]
    """
    if isinstance(maps, tuple):
        raise TypeError("expected heatmaps, got a tuple: write maps, frame = ..., and pass maps")
    canvas = np.array(as_image(image), order="C")
    if not 0 <= opacity <= 1:
        raise ValueError(f"expected an opacity from 0 to 1, got {opacity}")
    heat = np.clip(np.nan_to_num(select_map(np.asarray(maps), index, skeleton)), 0, 1)
    heat, (rows, columns) = resample_to_image(heat, canvas.shape[:2], box)
    if heat.size:
        # applyColorMap returns BGR.
        colors = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        colors = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)
        part = canvas[rows, columns]
        part[:] = cv2.addWeighted(part, 1 - opacity, colors, opacity, 0)
    return canvas


def select_map(
    maps: np.ndarray, index: int | str | None = None, skeleton: Skeleton | None = None
) -> np.ndarray:
    """Return one of several heatmaps, or the maximum over all keypoints.

    Args:
        maps: (h, w, K + 1) with the background last, (h, w, K) without it, (h, w, K + 1 + 2 L) with
            part affinity fields too, or one map (h, w).
        index: A number, a keypoint's name, "background", or None for the maximum.
        skeleton: Names of the K keypoints; None selects the one of `SKELETONS` with this number of
            maps.

    Returns:
        The map (h, w).

    Raises:
        ValueError: The maps have another shape, or there is no such map.
    """
    if maps.ndim == 2 and index is None:
        return maps
    skeleton = _skeleton_of(maps, SKELETONS if skeleton is None else (skeleton,))
    if index is None:
        return np.asarray(maps[..., : len(skeleton)].max(axis=-1))
    count = maps.shape[-1]
    names = (*skeleton.keypoints, "background")[:count]
    channel = names.index(index) if isinstance(index, str) and index in names else index
    if not isinstance(channel, (int, np.integer)) or not -count <= channel < count:
        raise ValueError(f"there is no map {index!r}: use 0 to {count - 1}, or one of {names}")
    return maps[..., channel]


def _skeleton_of(maps: np.ndarray, skeletons: Sequence[Skeleton]) -> Skeleton:
    """Return the skeleton whose keypoints, background and fields match the number of maps."""
    known: list[int] = []
    for each in skeletons:
        counts = [len(each), len(each) + 1, len(each) + 1 + 2 * len(each.limbs)]
        if maps.ndim == 3 and maps.size and maps.shape[-1] in counts:
            return each
        known += counts
    numbers = ", ".join(map(str, dict.fromkeys(known)))
    advice = "of a batch pass maps[0]" if maps.ndim == 4 else "pass the skeleton of the maps"
    raise ValueError(f"expected heatmaps (h, w, one of {numbers}), got {maps.shape}: {advice}")


def resample_to_image(
    heat: np.ndarray, size: Sequence[int], box: BoxLike | None = None
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Resample a map to the pixels of the image that it covers.

    Args:
        heat: (h, w), finite.
        size: (height, width) of the image.
        box: (x, y, width, height) that the map covers, or None for the whole image.

    Returns:
        The map at the pixels whose centres lie in the box, and the rows and columns of these
        pixels. They are empty if the box lies outside the image.

    Raises:
        ValueError: The box does not consist of four finite numbers with a size above 0.
    """
    x, y, width, height = check_box((0, 0, size[1], size[0]) if box is None else box)
    columns, xs = _axis(x, width, size[1], heat.shape[1])
    rows, ys = _axis(y, height, size[0], heat.shape[0])
    sampled = sample_maps(heat[..., None].astype(np.float32), ys, xs, "linear")
    return sampled[..., 0], (rows, columns)


def _axis(start: float, length: float, limit: int, cells: int) -> tuple[slice, np.ndarray]:
    """Return the pixels of an axis that lie in the box, and their positions in cells of the map."""
    first = min(max(math.ceil(start - 0.5), 0), limit)
    last = min(max(math.ceil(start + length - 0.5), first), limit)
    return slice(first, last), (np.arange(first, last) - start + 0.5) * cells / length - 0.5


def _pixels(xy: np.ndarray) -> list[list[int]]:
    """Return the pixels that contain points (k, 2); for missing points they are arbitrary.

    OpenPose adds a half and truncates towards zero (utilities/fastMath.hpp).
    """
    near = np.clip(np.nan_to_num(xy), -FARTHEST, FARTHEST).astype(np.float32)
    pixels: list[list[int]] = (near + np.float32(0.5)).astype(int).tolist()
    return pixels


def _round(value: float) -> int:
    """Round halves up as OpenPose does, unlike Python, which rounds them to even."""
    return int(value + 0.5)
