"""Skeletons: the names of keypoints, the edges between them, and their colours.

A skeleton is data, written once: edges are pairs of names, and indices are derived from them.
"""

from dataclasses import dataclass
from functools import cached_property

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Skeleton:
    """The keypoints that a network finds, in the order of its heatmaps.

    Args:
        name: What the keypoints belong to, for example "hand".
        keypoints: Names, in the order of the network's maps.
        edges: Pairs of names; a drawing joins them with a line, in the colour of the second one
            (OpenPose, `src/openpose/hand/renderHand.cpp`).
        colors: (red, green, blue), 0 to 255, one for each keypoint.

    Raises:
        ValueError: A name comes twice, an edge names no keypoint, or a colour is not valid.

    Example:
        >>> names, colors = ("elbow", "wrist"), ((255, 0, 0), (0, 255, 0))
        >>> arm = Skeleton("arm", names, (names,), colors)
        >>> len(arm), arm.index("wrist"), arm.edge_indices
        (2, 1, ((0, 1),))
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    colors: tuple[RGB, ...]

    def __post_init__(self) -> None:
        """Freeze lists into tuples and refuse what does not fit together."""
        object.__setattr__(self, "keypoints", tuple(self.keypoints))
        object.__setattr__(self, "edges", tuple(tuple(edge) for edge in self.edges))
        object.__setattr__(self, "colors", tuple(tuple(color) for color in self.colors))
        twice = sorted({name for name in self.keypoints if self.keypoints.count(name) > 1})
        if twice:
            raise ValueError(
                f"skeleton {self.name!r}: keypoints need names of their own, not {twice} twice"
            )
        for edge in self.edges:
            if len(edge) != 2 or edge[0] == edge[1] or not set(edge) <= set(self.keypoints):
                raise ValueError(
                    f"skeleton {self.name!r}: an edge is a pair of two of its keypoints, not {edge}"
                )
        if len(self.colors) != len(self.keypoints):
            raise ValueError(
                f"skeleton {self.name!r}: {len(self.keypoints)} keypoints need as many colours, "
                f"not {len(self.colors)}"
            )
        for color in self.colors:
            if len(color) != 3 or not all(0 <= channel <= 255 for channel in color):
                raise ValueError(
                    f"skeleton {self.name!r}: a colour is (r, g, b) of 0 to 255, not {color}"
                )

    def __len__(self) -> int:
        """Return the number of keypoints."""
        return len(self.keypoints)

    def index(self, name: str) -> int:
        """Return the index of a keypoint, which is also that of its heatmap.

        Args:
            name: A keypoint's name, for example "index_tip".

        Raises:
            ValueError: No keypoint has this name.

        Example:
            >>> HAND.index("index_tip")
            8
        """
        if name not in self.keypoints:
            raise ValueError(
                f"skeleton {self.name!r} has no keypoint {name!r}, only {', '.join(self.keypoints)}"
            )
        return self.keypoints.index(name)

    @cached_property
    def edge_indices(self) -> tuple[tuple[int, int], ...]:
        """The edges as pairs of indices into the keypoints."""
        return tuple((self.index(start), self.index(end)) for start, end in self.edges)


# OpenPose's colours (hand/handParameters.hpp), from the joint nearest to the wrist out to the tip.
_WRIST_COLOR: RGB = (100, 100, 100)
_FINGER_COLORS: dict[str, tuple[RGB, ...]] = {
    "thumb": ((100, 0, 0), (150, 0, 0), (200, 0, 0), (255, 0, 0)),
    "index": ((100, 100, 0), (150, 150, 0), (200, 200, 0), (255, 255, 0)),
    "middle": ((0, 100, 50), (0, 150, 75), (0, 200, 100), (0, 255, 125)),
    "ring": ((0, 50, 100), (0, 75, 150), (0, 100, 200), (0, 125, 255)),
    "little": ((100, 0, 100), (150, 0, 150), (200, 0, 200), (255, 0, 255)),
}


def _hand() -> Skeleton:
    """Build the hand: the wrist, then each finger as a chain that starts at the wrist."""
    keypoints, colors = ["wrist"], [_WRIST_COLOR]
    edges: list[tuple[str, str]] = []
    for finger, shades in _FINGER_COLORS.items():
        joints = ("cmc", "mcp", "ip", "tip") if finger == "thumb" else ("mcp", "pip", "dip", "tip")
        names = [f"{finger}_{joint}" for joint in joints]
        edges += zip(["wrist", *names[:-1]], names, strict=True)
        keypoints += names
        colors += shades
    return Skeleton("hand", tuple(keypoints), tuple(edges), tuple(colors))


HAND = _hand()
"""The 21 keypoints of a hand in OpenPose's order: wrist, thumb, index, middle, ring, little finger.

A finger runs from the joint nearest to the wrist to its tip; the thumb's joints are CMC, MCP and
IP, the others' MCP, PIP and DIP.
"""

_WHITE: RGB = (255, 255, 255)
# OpenPose's face (face/faceParameters.hpp): how many points each part has, in order; right and left
# are the person's own. A part that is closed ends where it begins. The pupils have no edge.
_FACE_PARTS: tuple[tuple[str, int, bool], ...] = (
    ("contour", 17, False),
    ("right_brow", 5, False),
    ("left_brow", 5, False),
    ("nose_bridge", 4, False),
    ("nose_base", 5, False),
    ("right_eye", 6, True),
    ("left_eye", 6, True),
    ("outer_lip", 12, True),
    ("inner_lip", 8, True),
)


def _face() -> Skeleton:
    """Build the face: each part as a chain or a ring, then the pupils."""
    keypoints: list[str] = []
    edges: list[tuple[str, str]] = []
    for part, count, closed in _FACE_PARTS:
        names = [f"{part}_{number}" for number in range(1, count + 1)]
        edges += zip(names, names[1:] + names[:1] if closed else names[1:], strict=False)
        keypoints += names
    keypoints += ["right_pupil", "left_pupil"]
    return Skeleton("face", tuple(keypoints), tuple(edges), (_WHITE,) * len(keypoints))


FACE = _face()
"""The 70 keypoints of a face in OpenPose's order; `contour` runs from the person's right ear."""
