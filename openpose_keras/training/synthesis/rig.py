"""A skinned hand read from glTF, and linear blend skinning of it.

The hand is the one of GodotVR/godot-xr-tools (CC0). Lengths are metres. In the rest pose a right
hand points its fingers along -z, its thumb along +y and its palm along -x; each joint's own y axis
runs along its bone. Keypoints are the origins of 21 of the 26 joints, in OpenPose's order.
"""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.raster_kernels import njit

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
    """A skinned mesh: n vertices, m triangles, j joints; joints come parents first.

    Args:
        name: The file's stem.
        vertices: (n, 3) float32, metres, in the bind pose.
        normals: (n, 3) float32 unit normals.
        tangents: (n, 3) float32 unit vectors along growing u, and `bitangents` along growing v.
        bitangents: (n, 3) float32.
        uv: (n, 2) float32 texture coordinates, v down.
        triangles: (m, 3) int32, counter-clockwise seen from outside.
        joint_ids: (n, 4) int32, the joints that move each vertex.
        weights: (n, 4) float32, sums are one.
        names: the joints' names without a side's suffix.
        parents: (j,) int32, -1 for the root.
        offsets: (j, 3) rest translations from the parent joint.
        rotations: (j, 3, 3) rest rotations relative to the parent joint.
        inverse_bind: (j, 4, 4) from the model to the joint's frame.
    """

    name: str
    vertices: np.ndarray
    normals: np.ndarray
    tangents: np.ndarray
    bitangents: np.ndarray
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
    def cap(self) -> np.ndarray:
        """(m,) bool, the triangles that close the mesh at the wrist's cut."""
        along = self.vertices[self.triangles, 2]
        cap: np.ndarray = along.min(1) > self.vertices[:, 2].max() - _CAP_DEPTH
        return cap

    @cached_property
    def wrist_loop(self) -> np.ndarray:
        """(k,) vertices around the wrist's cut, in order: where the forearm begins."""
        return _largest_loop(self.vertices, self.triangles[~self.cap])

    def forward(
        self, joint_rotations: np.ndarray | None = None, scales: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the frames of the joints (forward kinematics).

        Args:
            joint_rotations: (j, 3, 3) rotation of each joint in its own rest frame; None for the
                rest pose.
            scales: (j, 3) scale of each joint's part along its own axes. A joint's scale moves the
                origins of its children but is not inherited by them. None for 1.

        Returns:
            (j, 3, 3) rotations and (j, 3) origins of the joints in the model's frame.
        """
        local = self.rotations if joint_rotations is None else self.rotations @ joint_rotations
        offsets = self.offsets
        if scales is not None:
            offsets = offsets * np.where(self.parents[:, None] < 0, 1.0, scales[self.parents])
        rotations, origins = _chain(self.parents, local, offsets)
        return rotations, origins

    def skin(
        self, joint_rotations: np.ndarray | None = None, scales: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Move the mesh by linear blend skinning.

        Args:
            joint_rotations: (j, 3, 3), see `forward`.
            scales: (j, 3), see `forward`.

        Returns:
            (n, 3) float32 vertices, (n, 3, 3) float32 rows normal, tangent, bitangent (unit), and
            (j, 3) float64 joint origins, all in the model's frame.
        """
        rotations, origins = self.forward(joint_rotations, scales)
        linear = rotations if scales is None else rotations * scales[:, None, :]
        matrices = np.empty((len(self.names), 3, 4))
        matrices[:, :, :3] = linear @ self.inverse_bind[:, :3, :3]
        matrices[:, :, 3] = np.einsum("jab,jb->ja", linear, self.inverse_bind[:, :3, 3]) + origins
        vertices, frame = _blend(
            matrices.astype(np.float32), self.joint_ids, self.weights,
            self.vertices, np.stack([self.normals, self.tangents, self.bitangents], axis=1),
        )  # fmt: skip
        return vertices, frame, origins


@njit(cache=True, nogil=True)
def _chain(
    parents: np.ndarray, local: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Multiply local rotations and add offsets along the tree, parents first."""
    rotations, origins = np.empty_like(local), np.empty_like(offsets)
    for joint in range(parents.shape[0]):
        parent = parents[joint]
        for a in range(3):
            if parent < 0:
                rotations[joint, a] = local[joint, a]
                origins[joint, a] = offsets[joint, a]
                continue
            origins[joint, a] = origins[parent, a]
            for b in range(3):
                origins[joint, a] += rotations[parent, a, b] * offsets[joint, b]
                total = 0.0
                for c in range(3):
                    total += rotations[parent, a, c] * local[joint, c, b]
                rotations[joint, a, b] = total
    return rotations, origins


@njit(cache=True, nogil=True)
def _blend(
    matrices: np.ndarray,
    joint_ids: np.ndarray,
    weights: np.ndarray,
    vertices: np.ndarray,
    directions: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Move vertices and rotate directions by the weighted mean of their joints' matrices."""
    moved, rotated = np.empty_like(vertices), np.empty_like(directions)
    matrix = np.empty((3, 4), np.float32)
    for n in range(vertices.shape[0]):
        matrix[:] = 0
        for k in range(joint_ids.shape[1]):
            if weights[n, k] > 0:
                matrix += weights[n, k] * matrices[joint_ids[n, k]]
        for a in range(3):
            moved[n, a] = matrix[a, 3]
            for b in range(3):
                moved[n, a] += matrix[a, b] * vertices[n, b]
        for d in range(directions.shape[1]):
            norm = np.float32(1e-24)
            for a in range(3):
                total = np.float32(0)
                for b in range(3):
                    total += matrix[a, b] * directions[n, d, b]
                rotated[n, d, a] = total
                norm += total * total
            rotated[n, d] /= np.sqrt(norm)
    return moved, rotated


def load_rig(path: str | Path) -> Rig:
    """Read a rig from a `.gltf` file with embedded buffers, or a `.glb` file.

    Args:
        path: The file. Its first mesh and first skin are read.

    Returns:
        The rig.

    Raises:
        AssetError: The file is missing, or is not a glTF file with a skin.
    """
    path = Path(path)
    try:
        document, blob = _read_document(path)
        return _build_rig(path.stem, document, blob)
    except OSError as error:
        raise AssetError(f"expected a glTF file at {path}: {error.strerror}") from error
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise AssetError(
            f"expected a skinned glTF file with embedded buffers at {path}, got {error!r}: "
            "download it again"
        ) from error


def _build_rig(name: str, document: dict[str, Any], blob: bytes) -> Rig:
    """Build a rig from a parsed document."""
    skin, primitive = document["skins"][0], document["meshes"][0]["primitives"][0]
    read = {
        key: _read_accessor(document, blob, index) for key, index in primitive["attributes"].items()
    }
    triangles = _read_accessor(document, blob, primitive["indices"]).reshape(-1, 3)
    inverse = _read_accessor(document, blob, skin["inverseBindMatrices"]).reshape(-1, 4, 4)
    along_u, along_v = _tangents(read["POSITION"], read["NORMAL"], read["TEXCOORD_0"], triangles)
    weights = read["WEIGHTS_0"] / read["WEIGHTS_0"].sum(1, keepdims=True)
    names, parents, offsets, rotations, order = _joint_tree(document["nodes"], skin["joints"])
    position = np.argsort(order).astype(np.int32)
    return Rig(
        name=name,
        vertices=read["POSITION"],
        normals=read["NORMAL"],
        tangents=along_u,
        bitangents=along_v,
        uv=read["TEXCOORD_0"],
        triangles=triangles.astype(np.int32),
        joint_ids=position[read["JOINTS_0"]],
        weights=weights.astype(np.float32),
        names=names,
        parents=parents,
        offsets=offsets,
        rotations=rotations,
        inverse_bind=inverse.transpose(0, 2, 1).astype(np.float64)[order],
    )


def _read_document(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of a glTF file, and the bytes of its first buffer."""
    data = path.read_bytes()
    if data[:4] == b"glTF":
        length = int.from_bytes(data[12:16], "little")
        return json.loads(data[20 : 20 + length]), data[28 + length :]
    document = json.loads(data)
    return document, base64.b64decode(document["buffers"][0]["uri"].split(",", 1)[1])


def _read_accessor(document: dict[str, Any], blob: bytes, index: int) -> np.ndarray:
    """Return an accessor's values, (count, width)."""
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype, width = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride", dtype.itemsize * width)
    rows = np.ndarray(
        (accessor["count"], width), dtype, blob, start, strides=(stride, dtype.itemsize)
    )
    return rows.copy()


def _joint_tree(
    nodes: list[dict[str, Any]], joints: list[int]
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Return names, parents, rest offsets and rotations, parents first, and the joints' order."""
    parent_of = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}

    def depth(node: int) -> int:
        """Return the number of a node's ancestors."""
        return 0 if node not in parent_of else 1 + depth(parent_of[node])

    order = sorted(range(len(joints)), key=lambda k: depth(joints[k]))
    ids = [joints[k] for k in order]
    names = tuple(nodes[i]["name"].removesuffix("_R").removesuffix("_L") for i in ids)
    parents = np.array(
        [ids.index(parent_of[i]) if parent_of.get(i) in ids else -1 for i in ids], np.int32
    )
    offsets = np.array([nodes[i].get("translation", (0, 0, 0)) for i in ids], float)
    rotations = np.array([_matrix(nodes[i].get("rotation", (0, 0, 0, 1))) for i in ids])
    return names, parents, offsets, rotations, order


def _matrix(quaternion: tuple[float, float, float, float]) -> np.ndarray:
    """Return the rotation matrix of a quaternion (x, y, z, w)."""
    x, y, z, w = np.asarray(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _tangents(
    vertices: np.ndarray, normals: np.ndarray, uv: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit tangents along u and v at the vertices, orthogonal to the normals."""
    corners, texels = vertices[triangles].astype(float), uv[triangles].astype(float)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    du1, dv1 = (texels[:, 1] - texels[:, 0]).T
    du2, dv2 = (texels[:, 2] - texels[:, 0]).T
    sign = np.sign(du1 * dv2 - du2 * dv1)[:, None]
    results = []
    for along in (
        dv2[:, None] * edge1 - dv1[:, None] * edge2,
        du1[:, None] * edge2 - du2[:, None] * edge1,
    ):
        total = np.zeros(vertices.shape)
        for corner in range(3):
            np.add.at(total, triangles[:, corner], along * sign)
        total -= normals * (total * normals).sum(1, keepdims=True)
        results.append(
            (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
        )
    return results[0], results[1]


def _largest_loop(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the longest chain of open edges; vertices at one position count as one."""
    _, group = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)
    group = group.reshape(-1)
    member = np.zeros(group.max() + 1, int)
    member[group[triangles]] = triangles
    faces = group[triangles]
    edges = {
        (int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)
    }
    after = {b: a for a, b in edges if (b, a) not in edges}
    best: list[int] = []
    while after:
        start, here = next(iter(after.items()))
        loop = [start]
        del after[start]
        while here in after:
            loop.append(here)
            here = after.pop(here)
        best = max(best, loop, key=len)
    return member[best]
