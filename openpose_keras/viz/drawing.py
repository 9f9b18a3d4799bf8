"""Draw hands, boxes and heatmaps over an image: each function gives a new image.

Nothing is written into an argument. Colours, pairs and sizes are OpenPose's own, as its CPU
renderer has them (src/openpose/utilities/keypoint.cpp and hand/renderHand.cpp of
CMU-Perceptual-Computing-Lab/openpose).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND, Skeleton
from openpose_keras.io.images import check_image
from openpose_keras.viz.overlay import pick_map, to_image

THRESHOLD = 0.2  # OpenPose's hand_render_threshold
HEATMAP_OPACITY = 0.7  # OpenPose's hand_alpha_heatmap
RECTANGLE_THRESHOLD = 0.1
THICKNESS_RATIO = 1 / 50
LINE_RATIO = 0.75
SMALL_HAND = 0.05
BOX_COLOR = (255, 255, 255)
SIDE_COLORS = {"left": (255, 170, 0), "right": (0, 190, 255), None: BOX_COLOR}
# OpenCV draws at 32-bit coordinates; what is further out than this is not seen anyway.
FARTHEST = 2**20


class Pen(NamedTuple):
    """Sizes in pixels: of lines, and of circles at keypoints (radius, and their stroke's)."""

    line: int
    radius: int
    circle: int


def pen_for(xy: np.ndarray, scores: np.ndarray, size: tuple[int, int]) -> Pen:
    """Give the sizes that OpenPose draws a hand with: they grow with the hand's part of the image.

    With w, h the extent of the keypoints whose score is above 0.1, in an image of W x H:
    ratio = min(1, max(w / W, h / H)), t = max(round(sqrt(W H) / 50 * ratio), 2). A line is
    max(1, round(0.75 t)) thick. A circle has the radius t // 2 and a stroke of t, or of 1 where the
    ratio is at most 0.05. Halves are rounded up.

    Args:
        xy: (k, 2) pixels, NaN where missing.
        scores: (k,).
        size: (height, width) of the image.

    Returns:
        The sizes; those of ratio 0 when no keypoint is above 0.1.

    Example:
        >>> pen_for(np.array([[0.0, 0.0], [100.0, 50.0]]), np.ones(2), (200, 200))
        Pen(line=2, radius=1, circle=2)
    """
    height, width = size
    known = xy[(scores > RECTANGLE_THRESHOLD) & np.isfinite(xy).all(axis=-1)]
    ratio = 0.0
    if len(known):
        extent = known.max(axis=0) - known.min(axis=0)
        ratio = min(1.0, max(extent[0] / width, extent[1] / height))
    thickness = max(_round(np.sqrt(width * height) * THICKNESS_RATIO * ratio), 2)
    circle = thickness if ratio > SMALL_HAND else 1
    return Pen(max(1, _round(thickness * LINE_RATIO)), thickness // 2, circle)


def draw_hands(
    image: np.ndarray,
    hands: Sequence[Hand],
    *,
    threshold: float = THRESHOLD,
    pen: Pen | None = None,
    skeleton: Skeleton = HAND,
) -> np.ndarray:
    """Draw the skeletons of hands, as OpenPose does: lines first, then a circle at each keypoint.

    A line has the colour of its second keypoint. A keypoint that is missing, or whose score is not
    above the threshold, is not drawn, nor are its lines. One difference: OpenPose draws nothing of
    a hand whose keypoints span no area (a single keypoint, say); here it is drawn with the smallest
    sizes.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        hands: The hands, `xy` in pixels of the image; may reach outside.
        threshold: The score that a keypoint must exceed.
        pen: Sizes in pixels; by default OpenPose's rule, see `pen_for`.
        skeleton: Pairs and colours.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.

    Example:
        >>> image = np.zeros((80, 60, 3), np.uint8)
        >>> hand = Hand(xy=np.full((21, 2), 30.0), scores=np.ones(21))
        >>> draw_hands(image, [hand])[30, 30].tolist(), int(image.max())
        ([255, 0, 255], 0)
    """
    canvas = _copy(image)
    for hand in hands:
        visible = (hand.scores > threshold) & np.isfinite(hand.xy).all(axis=-1)
        points = [
            _pixel(point) if seen else None for point, seen in zip(hand.xy, visible, strict=True)
        ]
        sizes = pen or pen_for(hand.xy, hand.scores, canvas.shape[:2])
        for start, end in skeleton.edge_indices:
            if visible[start] and visible[end]:
                cv2.line(canvas, points[start], points[end], skeleton.colors[end], sizes.line)
        for point, color in zip(points, skeleton.colors, strict=True):
            if point is not None:
                cv2.circle(canvas, point, sizes.radius, color, sizes.circle)
    return canvas


def draw_boxes(
    image: np.ndarray, hands: Sequence[Hand], *, thickness: int | None = None
) -> np.ndarray:
    """Draw each hand's box in the colour of its side, with its side and mean score written.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        hands: The hands; one without a box is skipped. The line runs through the box's outermost
            pixels.
        thickness: Of the line in pixels; by default 1/400 of the image's longer side, at least 1.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
    """
    canvas = _copy(image)
    thickness = thickness or max(1, _round(max(canvas.shape[:2]) / 400))
    for hand in hands:
        if hand.box is not None:
            x, y, width, height = hand.box
            color = SIDE_COLORS[hand.side]
            corner = _pixel((x, y))
            cv2.rectangle(canvas, corner, _pixel((x + width - 1, y + height - 1)), color, thickness)
            _write(canvas, f"{hand.side or 'hand'} {hand.score:.2f}", corner, color, thickness)
    return canvas


def _write(
    canvas: np.ndarray, text: str, corner: tuple[int, int], color: tuple[int, int, int], stroke: int
) -> None:
    """Write text above a corner, or below where the image ends, on a dark plate to be readable."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, 0.35 * stroke)
    (width, height), base = cv2.getTextSize(text, font, scale, stroke)
    left = min(max(corner[0], 0), max(canvas.shape[1] - width, 0))
    above, below = corner[1] - base - stroke - 1, corner[1] + height + base
    bottom = above if above > height else below
    bottom = min(max(bottom, height), canvas.shape[0] - base)
    cv2.rectangle(canvas, (left, bottom - height - 1), (left + width, bottom + base), (0, 0, 0), -1)
    cv2.putText(canvas, text, (left, bottom), font, scale, color, stroke, cv2.LINE_AA)


def draw_heatmaps(
    image: np.ndarray,
    maps: np.ndarray,
    index: int | str | None = None,
    *,
    opacity: float = HEATMAP_OPACITY,
    box: Sequence[float] | None = None,
    skeleton: Skeleton = HAND,
) -> np.ndarray:
    """Lay one heatmap, or the greatest of all keypoints' heatmaps, over an image.

    Values are cut to [0, 1] and coloured with inferno, whose lightness rises evenly: black is 0,
    light yellow is 1. Maps of any resolution fit, by the half-pixel rule: the image and the map
    cover the same area.

    Args:
        image: (H, W, 3) uint8 RGB. Not changed.
        maps: (h, w, 22) heatmaps, or (h, w, 21) without the background, or one map (h, w).
        index: The channel to show: a number, a keypoint's name, or "background"; None for the
            greatest value over all keypoints.
        opacity: 0 shows the image only, 1 the heatmap only.
        box: (x, y, width, height) that the maps cover, in pixels of the image: `frame.box` of
            `HandEstimator.heatmaps`. The image outside stays as it is. By default the whole image.
        skeleton: Names of the channels.

    Returns:
        (H, W, 3) uint8 RGB, a new image.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
        ValueError: The maps do not have as many channels, or there is no such channel.

    Example:
        >>> image = np.full((40, 60, 3), 100, np.uint8)
        >>> draw_heatmaps(image, np.zeros((5, 8, 22)), "wrist", opacity=0.5)[0, 0].tolist()
        [50, 50, 52]
    """
    canvas = _copy(image)
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must be from 0 to 1, not {opacity}")
    heat = np.clip(np.nan_to_num(pick_map(np.asarray(maps), index, skeleton)), 0, 1)
    heat, (rows, columns) = to_image(heat, canvas.shape[:2], box)
    if heat.size:
        # applyColorMap gives BGR.
        colors = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        colors = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)
        part = canvas[rows, columns]
        part[:] = cv2.addWeighted(part, 1 - opacity, colors, opacity, 0)
    return canvas


def _copy(image: np.ndarray) -> np.ndarray:
    """Check the image and give a copy that OpenCV can draw on."""
    return np.array(check_image(image), order="C")


def _pixel(point: Sequence[float]) -> tuple[int, int]:
    """Give the pixel that a point lies in."""
    x, y = np.clip(np.asarray(point, dtype=np.float64), -FARTHEST, FARTHEST)
    return _round(x), _round(y)


def _round(value: float) -> int:
    """Round halves up, as OpenPose does; Python rounds them to even."""
    return int(np.floor(value + 0.5))
