"""A small drawing of keypoints as SVG, which a notebook shows for a result without its image."""

from collections.abc import Iterable
from html import escape

import numpy as np

from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import Skeleton

Part = tuple[np.ndarray, np.ndarray, Skeleton]
"""`xy` (K, 2), NaN where missing, `scores` (K,), and the skeleton."""

_SIDE = 180  # pixels of the drawing's longer side
_MARGIN = 0.08  # around the keypoints, as a fraction of their longer side


def drawn_line(line: str, parts: Iterable[Part]) -> str:
    """Return HTML: a drawing of skeletons on a dark background, with a line of text below it.

    Args:
        line: The text.
        parts: Keypoints in one frame. Missing keypoints are left out, with their edges.

    Returns:
        HTML without scripts and style sheets; the line alone if nothing was found.
    """
    parts = [part for part in parts if np.isfinite(part[0]).any()]
    text = f"<code>{escape(line)}</code>"
    if not parts:
        return text
    (x, y), size = keypoint_extent(np.concatenate([xy for xy, _, _ in parts]))
    longer = float(max(*size, 1.0))
    width, height = (side + 2 * _MARGIN * longer for side in size.tolist())
    scale = _SIDE / max(width, height)
    view = f"{x - width / 2:.1f} {y - height / 2:.1f} {width:.1f} {height:.1f}"
    shapes = "".join(shape for part in parts for shape in _shapes(part, 1 / scale))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(line)}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}" viewBox="{view}" '
        f'style="background:#111;border-radius:4px">{shapes}</svg><br/>{text}'
    )


def _shapes(part: Part, unit: float) -> Iterable[str]:
    """Yield edges, then keypoints with their names; `unit` is a pixel of the drawing.

    Lines are thinner if a part is small, such as the face of a whole person.
    """
    xy, scores, skeleton = part
    found = np.asarray(np.isfinite(xy).all(axis=1))
    unit = min(unit, float(max(*keypoint_extent(xy)[1], 1.0)) / 40)
    colors = [f"rgb{color}".replace(" ", "") for color in skeleton.colors]
    rows = [f"{x:.1f} {y:.1f}".split() for x, y in xy.tolist()]
    for first, second in skeleton.edge_indices:
        if found[first] and found[second]:
            (x1, y1), (x2, y2) = rows[first], rows[second]
            yield (
                f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colors[second]}" '
                f'stroke-width="{2 * unit:.2f}"/>'
            )
    for index in np.flatnonzero(found).tolist():
        (x, y), name = rows[index], escape(skeleton.keypoints[index])
        yield (
            f'<circle cx="{x}" cy="{y}" r="{2.2 * unit:.2f}" fill="{colors[index]}">'
            f"<title>{name} {scores[index]:.2f}</title></circle>"
        )
