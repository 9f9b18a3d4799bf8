"""A skinned hand from a glTF file, with linear blend skinning.

The hand is that of GodotVR/godot-xr-tools (CC0). Lengths are in metres. In the rest pose the
fingers of a right hand point along -z, its thumb along +y and its palm along -x. The y axis of each
joint runs along its bone. Keypoints are the origins of 21 of the 26 joints, in OpenPose's order.
"""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.kinematics import blend, chain, rotation_of_quaternion

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
_THUMB_BONES = ("Metacarpal", "Proximal", "Distal", "Tip")
_FINGER_BONES = ("Proximal", "Intermediate", "Distal", "Tip")
KEYPOINT_JOINTS = (
    "Wrist",
    *(f"Thumb_{bone}" for bone in _THUMB_BONES),
    *(f"{finger}_{bone}" for finger in FINGERS[1:] for bone in _FINGER_BONES),
)
_CAP_DEPTH = 0.0038  # metres from the far end of the wrist within which triangles close the cut
_DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True, eq=False)
class Rig:
    """A skinned mesh with n vertices, m triangles and j joints, sorted so that parents come first.

    Args:
        name: The file's stem.
        vertices: (n, 3) float32, metres, in the bind pose.
        frame: (n, 3, 3) float32 unit rows: normal, tangent along increasing u, bitangent along
            increasing v.
        uv: (n, 2) float32 texture coordinates, v down.
        triangles: (m, 3) int32, counter-clockwise seen from outside.
        joint_ids: (n, 4) int32, the joints that move each vertex.
        weights: (n, 4) float32, whose sums are 1.
        names: The joints' names without the suffix of a side.
        parents: (j,) int32, -1 for the root.
        offsets: (j, 3) rest translations from the parent joint.
        rotations: (j, 3, 3) rest rotations relative to the parent joint.
        inverse_bind: (j, 3, 4) maps from the model's frame to the joint's frame.
    """

    name: str
    vertices: np.ndarray
    frame: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    joint_ids: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]
    parents: np.ndarray
    offsets: np.ndarray
    rotations: np.ndarray
    inverse_bind: np.ndarray

    @cached_property
    def keypoint_ids(self) -> np.ndarray:
        """(21,) the joints that are OpenPose's keypoints, in its order."""
        return np.array([self.names.index(name) for name in KEYPOINT_JOINTS])

    @cached_property
    def fingers(self) -> np.ndarray:
        """(5, 4) the joints of thumb .. little, from the palm to the tip."""
        return self.keypoint_ids[1:].reshape(5, 4)

    @cached_property
    def cap(self) -> np.ndarray:
        """(m,) bool, the triangles that close the mesh at the wrist's cut."""
        along = self.vertices[self.triangles, 2]
        return np.asarray(along.min(1) > self.vertices[:, 2].max() - _CAP_DEPTH)

    @cached_property
    def wrist_loop(self) -> np.ndarray:
        """(k,) vertices around the wrist's cut, in order: where the forearm begins."""
        return _largest_loop(self.vertices, self.triangles[~self.cap])

    def forward(
        self, joint_rotations: np.ndarray, scales: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the frames of the joints (forward kinematics).

        Args:
            joint_rotations: (j, 3, 3) rotation of each joint in its own rest frame, or one (3, 3)
                rotation for all joints. The identity is the rest pose.
            scales: (j, 3) scale of each joint's part along its own axes. A joint's scale moves the
                origins of its children but is not inherited by them.

        Returns:
            (j, 3, 3) rotations and (j, 3) origins of the joints in the model's frame.
        """
        offsets = self.offsets * np.where(self.parents[:, None] < 0, 1.0, scales[self.parents])
        rotations, origins = chain(self.parents, self.rotations @ joint_rotations, offsets)
        return rotations, origins

    def skin(
        self, joint_rotations: np.ndarray, scales: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Deform the mesh by linear blend skinning.

        Args:
            joint_rotations: (j, 3, 3), see `forward`.
            scales: (j, 3), see `forward`.

        Returns:
            (n, 3) float32 vertices, (n, 3, 3) float32 rows normal, tangent, bitangent (unit), and
            (j, 3) float64 joint origins, all in the model's frame.
        """
        rotations, origins = self.forward(joint_rotations, scales)
        matrices = (rotations * scales[:, None]) @ self.inverse_bind
        matrices[:, :, 3] += origins
        vertices, frame = blend(
            matrices.astype(np.float32), self.joint_ids, self.weights, self.vertices, self.frame
        )
        return vertices, frame, origins


def load_rig(path: str | Path) -> Rig:
    """Read the rig of a right hand from a `.gltf` file with embedded buffers.

    Args:
        path: The file. Its first mesh and first skin are read. As in all files of this hand, values
            must be stored without gaps, and joints after their parents.

    Returns:
        The rig.

    Raises:
        AssetError: The file is missing, or is not valid.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
        blob = base64.b64decode(document["buffers"][0]["uri"].split(",", 1)[1])
        return _build_rig(path.stem, document, blob)
    except (OSError, LookupError, ValueError, TypeError) as error:
        raise AssetError(
            f"expected a skinned glTF file with embedded buffers at {path}, got {error!r}: "
            "download it again"
        ) from error


def _build_rig(name: str, document: dict[str, Any], blob: bytes) -> Rig:
    """Build a rig from a parsed document and its buffer."""
    skin, primitive = document["skins"][0], document["meshes"][0]["primitives"][0]
    read = {
        key: _read_accessor(document, blob, index) for key, index in primitive["attributes"].items()
    }
    vertices, uv, weights = read["POSITION"], read["TEXCOORD_0"], read["WEIGHTS_0"]
    triangles = _read_accessor(document, blob, primitive["indices"]).reshape(-1, 3)
    inverse = _read_accessor(document, blob, skin["inverseBindMatrices"]).reshape(-1, 4, 4)
    joints = [document["nodes"][index] for index in skin["joints"]]
    parent_of = {
        child: parent for parent, node in enumerate(joints) for child in node.get("children", ())
    }
    quaternions = [node.get("rotation", (0, 0, 0, 1)) for node in joints]
    return Rig(
        name=name,
        vertices=vertices,
        frame=_frames(vertices, read["NORMAL"], uv, triangles),
        uv=uv,
        triangles=triangles.astype(np.int32),
        joint_ids=read["JOINTS_0"].astype(np.int32),
        weights=weights / weights.sum(1, keepdims=True),
        names=tuple(node["name"].removesuffix("_R") for node in joints),
        parents=np.array([parent_of.get(index, -1) for index in skin["joints"]], np.int32),
        offsets=np.array([node.get("translation", (0, 0, 0)) for node in joints], float),
        rotations=np.array([rotation_of_quaternion(each) for each in quaternions]),
        inverse_bind=inverse.transpose(0, 2, 1)[:, :3].astype(float),
    )


def _read_accessor(document: dict[str, Any], blob: bytes, index: int) -> np.ndarray:
    """Return an accessor's values, (count, width)."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    count, width = accessor["count"], _WIDTHS[accessor["type"]]
    dtype, start = _DTYPES[accessor["componentType"]], view.get("byteOffset", 0)
    return np.frombuffer(blob, dtype, count * width, start).reshape(count, width).copy()


def _frames(
    vertices: np.ndarray, normals: np.ndarray, uv: np.ndarray, triangles: np.ndarray
) -> np.ndarray:
    """Return the vertices' normals, and unit tangents along u and v, orthogonal to the normals."""
    corners, texels = vertices[triangles].astype(float), uv[triangles].astype(float)
    edges = corners[:, 1:] - corners[:, :1]
    (du1, dv1), (du2, dv2) = (texels[:, 1:] - texels[:, :1]).transpose(1, 2, 0)
    sign = np.sign(du1 * dv2 - du2 * dv1)
    along = (sign * [[dv2, -dv1], [-du2, du1]]).transpose(2, 0, 1) @ edges
    total = np.zeros((len(vertices), 2, 3))
    for corner in triangles.T:
        np.add.at(total, corner, along)
    normals = normals[:, None]
    total -= normals * (total * normals).sum(2, keepdims=True)
    total /= np.linalg.norm(total, axis=2, keepdims=True) + 1e-12
    return np.concatenate([normals, total], axis=1).astype(np.float32)


def _largest_loop(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the longest chain of open edges; vertices at one position count as one."""
    _, group = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)
    faces = group.reshape(-1)[triangles]
    member = np.zeros(faces.max() + 1, int)
    member[faces] = triangles
    edges = set(zip(faces.flat, np.roll(faces, -1, axis=1).flat, strict=True))
    after = {b: a for a, b in edges if (b, a) not in edges}
    best: list[int] = []
    while after:
        loop = [next(iter(after))]
        while loop[-1] in after:
            loop.append(after.pop(loop[-1]))
        best = max(best, loop[:-1], key=len)
    return member[best]
