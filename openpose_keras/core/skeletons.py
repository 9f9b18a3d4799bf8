"""Skeletons: the names of keypoints, the edges between them, and their colours.

A skeleton is data, written once: edges are pairs of names, and indices are derived from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from openpose_keras.core.checks import did_you_mean

RGB = tuple[int, int, int]

# Keypoints that are the midpoints of two others, where labels lack them.
_MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
    "chest": ("thorax", "mid_hip"),
}


@dataclass(frozen=True)
class Skeleton:
    """The keypoints that a network finds, in the order of its heatmaps.

    Args:
        name: What the keypoints belong to, for example "hand".
        keypoints: Names, in the order of the network's maps.
        edges: Pairs of names; a drawing joins them with a line, in the colour of the second one
            (OpenPose, `src/openpose/hand/renderHand.cpp`).
        colors: (red, green, blue), 0 to 255, one for each keypoint.
        limbs: Pairs of names that a part affinity field joins, in the order in which people are
            assembled from them; empty if the network has no such fields.
        fields: For each limb, the channel of its field's x component, counted from the first one
            after the background; y is the next channel.
        mirror_pairs: Pairs of names that are exchanged in a mirrored image.

    Raises:
        ValueError: A name occurs twice, an edge, a limb or a mirror pair names no keypoint, a
            colour is not valid, or there is not one field for each limb.

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
    limbs: tuple[tuple[str, str], ...] = ()
    fields: tuple[int, ...] = ()
    mirror_pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Convert lists to tuples, and check that the fields are consistent."""
        object.__setattr__(self, "keypoints", tuple(self.keypoints))
        object.__setattr__(self, "edges", tuple(tuple(edge) for edge in self.edges))
        object.__setattr__(self, "colors", tuple(tuple(color) for color in self.colors))
        object.__setattr__(self, "limbs", tuple(tuple(limb) for limb in self.limbs))
        object.__setattr__(self, "fields", tuple(self.fields))
        object.__setattr__(self, "mirror_pairs", tuple(map(tuple, self.mirror_pairs)))
        twice = sorted({name for name in self.keypoints if self.keypoints.count(name) > 1})
        if twice:
            raise ValueError(
                f"skeleton {self.name!r}: keypoints need names of their own, not {twice} twice"
            )
        for edge in self.edges + self.limbs + self.mirror_pairs:
            if len(edge) != 2 or edge[0] == edge[1] or not set(edge) <= set(self.keypoints):
                raise ValueError(
                    f"skeleton {self.name!r}: an edge is a pair of two of its keypoints, not {edge}"
                )
        if len(self.colors) != len(self.keypoints):
            raise ValueError(
                f"skeleton {self.name!r}: {len(self.keypoints)} keypoints need as many colours, "
                f"not {len(self.colors)}"
            )
        if sorted(self.fields) != list(range(0, 2 * len(self.limbs), 2)):
            raise ValueError(
                f"skeleton {self.name!r}: the fields of {len(self.limbs)} limbs begin at as many "
                f"even channels from 0 on, not at {self.fields}"
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
        if not isinstance(name, str):
            raise ValueError(
                f"expected the name of a keypoint, such as {self.keypoints[0]!r}, got {name!r}: "
                "xy and scores take numbers"
            )
        if name not in self.keypoints:
            hint = did_you_mean(name, self.keypoints)
            raise ValueError(
                f"skeleton {self.name!r} has no keypoint {name!r}, only "
                f"{', '.join(self.keypoints)}{hint}"
            )
        return self.keypoints.index(name)

    @cached_property
    def edge_indices(self) -> tuple[tuple[int, int], ...]:
        """The edges as pairs of indices into the keypoints."""
        return tuple((self.index(start), self.index(end)) for start, end in self.edges)

    @cached_property
    def limb_indices(self) -> tuple[tuple[int, int], ...]:
        """The limbs as pairs of indices into the keypoints."""
        return tuple((self.index(start), self.index(end)) for start, end in self.limbs)

    @cached_property
    def mirror_indices(self) -> tuple[int, ...]:
        """For each keypoint, the index of the one that takes its place in a mirrored image."""
        pairs = self.mirror_pairs
        other = dict(pairs) | {second: first for first, second in pairs}
        return tuple(self.index(other.get(name, name)) for name in self.keypoints)

    @cached_property
    def mirror_fields(self) -> tuple[int, ...]:
        """For each channel of the fields, the one that takes its place in a mirrored image.

        Raises:
            ValueError: The mirror image of a limb is not a limb.
        """
        mirror, field = self.mirror_indices, dict(zip(self.limb_indices, self.fields, strict=True))
        order: dict[int, int] = {}
        for (start, end), own in field.items():
            other = field.get((mirror[start], mirror[end]))
            if other is None:
                limb = self.keypoints[start], self.keypoints[end]
                raise ValueError(f"skeleton {self.name!r}: the mirror image of {limb} is no limb")
            order |= {own: other, own + 1: other + 1}
        return tuple(order[channel] for channel in sorted(order))

    def sources_of(self, target: "Skeleton") -> tuple[tuple[int, ...], ...]:
        """Return the keypoints from which those of another skeleton are derived.

        OpenPose's neck and mid-hip are the midpoints of shoulders and hips in COCO's labels, and
        the chest of its MPI networks is the midpoint of thorax and pelvis in MPII's (CMU's
        `caffe_train`, `src/caffe/cpm_data_transformer.cpp`).

        Args:
            target: The other skeleton.

        Returns:
            For each keypoint of the target, one index if a keypoint here has its name, two if it is
            the midpoint of two, and an empty tuple if it is unknown.

        Example:
            >>> COCO_17.sources_of(BODY_25)[:3]
            ((0,), (5, 6), (6,))
        """
        sources = []
        for name in target.keypoints:
            names = (name,) if name in self.keypoints else _MIDDLES.get(name, ())
            known = set(names) <= set(self.keypoints)
            sources.append(tuple(map(self.index, names)) if known else ())
        return tuple(sources)


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
# OpenPose's face (face/faceParameters.hpp): the number of points of each part, in order; right and
# left are the person's own. A closed part ends where it begins. The pupils have no edge.
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
    pairs = [("right_pupil", "left_pupil")]
    for part, count, closed in _FACE_PARTS:
        names = [f"{part}_{number}" for number in range(1, count + 1)]
        edges += zip(names, names[1:] + names[:1] if closed else names[1:], strict=False)
        keypoints += names
        pairs += _mirrored(part, count, closed)
    keypoints += pairs[0]
    colors = (_WHITE,) * len(keypoints)
    return Skeleton("face", tuple(keypoints), tuple(edges), colors, mirror_pairs=tuple(pairs))


def _mirrored(part: str, count: int, closed: bool) -> list[tuple[str, str]]:
    """Return the mirror pairs of a face part: a chain is reversed, a ring from its middle."""
    if part == "nose_bridge" or part.startswith("left"):
        return []
    ends = [(count // 2 - start) % count if closed else count - 1 - start for start in range(count)]
    other = part.replace("right", "left")
    return [
        (f"{part}_{start + 1}", f"{other}_{end + 1}")
        for start, end in enumerate(ends)
        if other != part or start < end
    ]


FACE = _face()
"""The 70 keypoints of a face in OpenPose's order; `contour` runs from the person's right ear."""

# OpenPose's bodies (pose/poseParameters.cpp, pose/poseParametersRender.hpp); right and left are the
# person's own.
_BODY_COLORS: dict[str, RGB] = {
    "head": (255, 0, 85),
    "nose": (255, 0, 85),
    "neck": (255, 0, 0),
    "right_shoulder": (255, 85, 0),
    "right_elbow": (255, 170, 0),
    "right_wrist": (255, 255, 0),
    "left_shoulder": (170, 255, 0),
    "left_elbow": (85, 255, 0),
    "left_wrist": (0, 255, 0),
    "mid_hip": (255, 0, 0),
    "right_hip": (0, 255, 85),
    "right_knee": (0, 255, 170),
    "right_ankle": (0, 255, 255),
    "left_hip": (0, 170, 255),
    "left_knee": (0, 85, 255),
    "left_ankle": (0, 0, 255),
    "right_eye": (255, 0, 170),
    "left_eye": (170, 0, 255),
    "right_ear": (255, 0, 255),
    "left_ear": (85, 0, 255),
    **dict.fromkeys(("left_big_toe", "left_small_toe", "left_heel"), (0, 0, 255)),
    **dict.fromkeys(("right_big_toe", "right_small_toe", "right_heel"), (0, 255, 255)),
}
_MPI_COLORS: dict[str, RGB] = {
    "left_wrist": (43, 255, 0),
    "right_hip": (0, 255, 0),
    "right_knee": (0, 255, 85),
    "right_ankle": (0, 255, 170),
    "left_hip": (0, 255, 255),
    "left_knee": (0, 170, 255),
    "left_ankle": (0, 85, 255),
    "chest": (0, 0, 255),
}
_ARMS = tuple(
    f"{side}_{joint}" for side in ("right", "left") for joint in ("shoulder", "elbow", "wrist")
)
_LEGS = tuple(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", "knee", "ankle"))
_EYES_AND_EARS = ("right_eye", "left_eye", "right_ear", "left_ear")
_FEET = tuple(
    f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")
)


def _body(
    name: str, keypoints: tuple[str, ...], limbs: dict[str, int], colors: dict[str, RGB]
) -> Skeleton:
    """Build a body from limbs and their fields' channels; ears get no edge to shoulders."""
    pairs = tuple((start, end) for start, end in map(str.split, limbs))
    edges = tuple(pair for pair in pairs if not ("shoulder" in pair[0] and "ear" in pair[1]))
    shades = tuple(colors[key] for key in keypoints)
    sides = _side_pairs(keypoints)
    return Skeleton(name, keypoints, edges, shades, pairs, tuple(limbs.values()), sides)


def _side_pairs(keypoints: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of names that differ in the side only."""
    left = [name for name in keypoints if name.startswith("left_")]
    return tuple((name, f"right_{name.removeprefix('left_')}") for name in left)


BODY_25 = _body(
    "body_25",
    ("nose", "neck", *_ARMS, "mid_hip", *_LEGS, *_EYES_AND_EARS, *_FEET),
    {
        "neck mid_hip": 0,
        "neck right_shoulder": 14,
        "neck left_shoulder": 22,
        "right_shoulder right_elbow": 16,
        "right_elbow right_wrist": 18,
        "left_shoulder left_elbow": 24,
        "left_elbow left_wrist": 26,
        "mid_hip right_hip": 6,
        "right_hip right_knee": 2,
        "right_knee right_ankle": 4,
        "mid_hip left_hip": 8,
        "left_hip left_knee": 10,
        "left_knee left_ankle": 12,
        "neck nose": 30,
        "nose right_eye": 32,
        "right_eye right_ear": 36,
        "nose left_eye": 34,
        "left_eye left_ear": 38,
        "right_shoulder right_ear": 20,
        "left_shoulder left_ear": 28,
        "left_ankle left_big_toe": 40,
        "left_big_toe left_small_toe": 42,
        "left_ankle left_heel": 44,
        "right_ankle right_big_toe": 46,
        "right_big_toe right_small_toe": 48,
        "right_ankle right_heel": 50,
    },
    _BODY_COLORS,
)
"""The 25 keypoints of OpenPose's BODY_25, with the mid-hip and the feet."""

BODY_COCO = _body(
    "body_coco",
    ("nose", "neck", *_ARMS, *_LEGS, *_EYES_AND_EARS),
    {
        "neck right_shoulder": 12,
        "neck left_shoulder": 20,
        "right_shoulder right_elbow": 14,
        "right_elbow right_wrist": 16,
        "left_shoulder left_elbow": 22,
        "left_elbow left_wrist": 24,
        "neck right_hip": 0,
        "right_hip right_knee": 2,
        "right_knee right_ankle": 4,
        "neck left_hip": 6,
        "left_hip left_knee": 8,
        "left_knee left_ankle": 10,
        "neck nose": 28,
        "nose right_eye": 30,
        "right_eye right_ear": 34,
        "nose left_eye": 32,
        "left_eye left_ear": 36,
        "right_shoulder right_ear": 18,
        "left_shoulder left_ear": 26,
    },
    _BODY_COLORS,
)
"""The 18 keypoints of OpenPose's COCO network: COCO's 17 and the neck."""

BODY_MPI = _body(
    "body_mpi",
    ("head", "neck", *_ARMS, *_LEGS, "chest"),
    {
        "head neck": 0,
        "neck right_shoulder": 2,
        "right_shoulder right_elbow": 4,
        "right_elbow right_wrist": 6,
        "neck left_shoulder": 8,
        "left_shoulder left_elbow": 10,
        "left_elbow left_wrist": 12,
        "neck chest": 14,
        "chest right_hip": 16,
        "right_hip right_knee": 18,
        "right_knee right_ankle": 20,
        "chest left_hip": 22,
        "left_hip left_knee": 24,
        "left_knee left_ankle": 26,
    },
    _BODY_COLORS | _MPI_COLORS,
)
"""The 15 keypoints of OpenPose's MPI networks; the head is its top."""


# COCO's labels of people (https://cocodataset.org/#format-data), and labels that follow them.
def _both(*texts: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of names, each for the left and for the right side."""
    sides = ((side, text.split()) for text in texts for side in ("left", "right"))
    return tuple((f"{side}_{start}", f"{side}_{end}") for side, (start, end) in sides)


def _labelled(
    name: str, keypoints: tuple[str, ...], edges: tuple[tuple[str, str], ...]
) -> Skeleton:
    """Build the skeleton of a label format, in the colours of OpenPose's bodies."""
    colors = tuple(_BODY_COLORS.get(each, _BODY_COLORS["neck"]) for each in keypoints)
    return Skeleton(name, keypoints, edges, colors, mirror_pairs=_side_pairs(keypoints))


_LIMBS = _both("ankle knee", "knee hip", "shoulder elbow", "elbow wrist")
_JOINTS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")

COCO_17 = _labelled(
    "coco_17",
    ("nose", *(f"{side}_{joint}" for joint in _JOINTS for side in ("left", "right"))),
    (
        *_LIMBS,
        *_both("shoulder hip", "eye ear", "ear shoulder"),
        *(
            ("left_hip", "right_hip"),
            ("left_shoulder", "right_shoulder"),
            ("left_eye", "right_eye"),
        ),
        *(("nose", "left_eye"), ("nose", "right_eye")),
    ),
)
"""The 17 keypoints of a person in COCO's labels."""

COCO_FEET = _labelled("coco_feet", _FEET, _both("big_toe small_toe", "big_toe heel"))
"""The 6 keypoints of the feet in the order of COCO-WholeBody and of BODY_25."""


def _whole_body() -> Skeleton:
    """Build COCO-WholeBody: the body, the feet, the face without pupils, left and right hand."""
    skeletons = [COCO_17, COCO_FEET, FACE]
    for side in ("left", "right"):
        names = tuple(f"{side}_hand_{name}" for name in HAND.keypoints)
        edges = tuple((names[start], names[end]) for start, end in HAND.edge_indices)
        skeletons.append(Skeleton(f"{side}_hand", names, edges, HAND.colors))
    pupils = FACE.keypoints[-2:]
    kept = [
        (name, color)
        for each in skeletons
        for name, color in zip(each.keypoints, each.colors, strict=True)
        if name not in pupils
    ]
    keypoints, colors = zip(*kept, strict=True)
    pairs = COCO_17.mirror_pairs + COCO_FEET.mirror_pairs + FACE.mirror_pairs
    pairs = tuple(pair for pair in pairs if not set(pair) <= set(pupils))
    pairs += _side_pairs(skeletons[-2].keypoints)
    edges = tuple(edge for each in skeletons for edge in each.edges)
    return Skeleton("coco_whole_body", keypoints, edges, colors, mirror_pairs=pairs)


COCO_WHOLE_BODY = _whole_body()
"""The 133 keypoints of COCO-WholeBody (https://github.com/jin-s13/COCO-WholeBody)."""

MPII_16 = _labelled(
    "mpii_16",
    (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("mid_hip", "thorax", "neck", "head", "right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    ),
    (
        *_LIMBS,
        *(("left_hip", "mid_hip"), ("right_hip", "mid_hip"), ("mid_hip", "thorax")),
        *(("thorax", "left_shoulder"), ("thorax", "right_shoulder")),
        *(("thorax", "neck"), ("neck", "head")),
    ),
)
"""The 16 keypoints of MPII Human Pose; `mid_hip` is its pelvis, `head` the top of the head."""
