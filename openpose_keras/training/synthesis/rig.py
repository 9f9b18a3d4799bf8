"""A skinned hand read from glTF, and linear blend skinning of it.

The hand is the one of GodotVR/godot-xr-tools (CC0). Lengths are metres. In the rest pose a right
hand points its fingers along -z, its thumb along +y and its palm along -x; each joint's own y axis
runs along its bone. Keypoints are the origins of 21 of the 26 joints, in OpenPose's order.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numba import njit

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.gltf import joint_tree, read_accessor, read_document
from openpose_keras.training.synthesis.meshes import largest_loop, tangents

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
_THUMB_BONES = ("Metacarpal", "Proximal", "Distal", "Tip")
_FINGER_BONES = ("Proximal", "Intermediate", "Distal", "Tip")
KEYPOINT_JOINTS = (
    "Wrist",
    *(f"Thumb_{bone}" for bone in _THUMB_BONES),
    *(f"{finger}_{bone}" for finger in FINGERS[1:] for bone in _FINGER_BONES),
)
CAP_DEPTH = 0.0038  # metres from the far end of the wrist within which triangles close the cut


@dataclass(frozen=True, eq=False)
class Rig:
    """A skinned mesh: n vertices, m triangles, j joints; joints come parents first.

    Attributes:
        name: the file's stem.
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
        return along.min(1) > self.vertices[:, 2].max() - CAP_DEPTH

    @cached_property
    def wrist_loop(self) -> np.ndarray:
        """(k,) vertices around the wrist's cut, in order: where the forearm goes on."""
        return largest_loop(self.vertices, self.triangles[~self.cap])

    def forward(
        self, turns: np.ndarray | None = None, scales: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forward kinematics.

        Args:
            turns: (j, 3, 3) rotation of each joint in its own rest frame; None is the rest pose.
            scales: (j, 3) size of each joint's part along its own axes; a joint's scale moves the
                origins of its children but is not inherited by them. None is one.

        Returns:
            (j, 3, 3) rotations and (j, 3) origins of the joints in the model's frame.
        """
        local = self.rotations if turns is None else self.rotations @ turns
        offsets = self.offsets
        if scales is not None:
            offsets = offsets * np.where(self.parents[:, None] < 0, 1.0, scales[self.parents])
        return _chain(self.parents, local, offsets)

    def skin(
        self, turns: np.ndarray | None = None, scales: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Move the mesh by linear blend skinning.

        Args:
            turns: (j, 3, 3), see `forward`.
            scales: (j, 3), see `forward`.

        Returns:
            (n, 3) float32 vertices, (n, 3, 3) float32 rows normal, tangent, bitangent (unit), and
            (j, 3) float64 joint origins, all in the model's frame.
        """
        rotations, origins = self.forward(turns, scales)
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
def _chain(parents, local, offsets):  # noqa: ANN001, ANN202
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
def _blend(matrices, joint_ids, weights, vertices, directions):  # noqa: ANN001, ANN202
    """Move vertices and turn unit directions by the weighted mean of their joints' matrices."""
    moved, turned = np.empty_like(vertices), np.empty_like(directions)
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
                turned[n, d, a] = total
                norm += total * total
            turned[n, d] /= np.sqrt(norm)
    return moved, turned


def load_rig(path: str | Path) -> Rig:
    """Read a rig from a `.gltf` file with embedded buffers, or a `.glb` file.

    Args:
        path: the file; its first mesh and first skin are taken.

    Returns:
        The rig.

    Raises:
        AssetError: when the file is missing, or is no glTF with a skin.
    """
    path = Path(path)
    try:
        document, blob = read_document(path)
        return _build_rig(path.stem, document, blob)
    except OSError as error:
        raise AssetError(f"expected a glTF file at {path}; {error.strerror}") from error
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise AssetError(
            f"{path} is not a skinned glTF with embedded buffers ({error!r}); get it afresh"
        ) from error


def _build_rig(name: str, document: dict, blob: bytes) -> Rig:
    """Assemble a rig from a parsed document."""
    skin, primitive = document["skins"][0], document["meshes"][0]["primitives"][0]
    read = {
        key: read_accessor(document, blob, index) for key, index in primitive["attributes"].items()
    }
    triangles = read_accessor(document, blob, primitive["indices"]).reshape(-1, 3)
    inverse = read_accessor(document, blob, skin["inverseBindMatrices"]).reshape(-1, 4, 4)
    along_u, along_v = tangents(read["POSITION"], read["NORMAL"], read["TEXCOORD_0"], triangles)
    weights = read["WEIGHTS_0"] / read["WEIGHTS_0"].sum(1, keepdims=True)
    names, parents, offsets, rotations, order = joint_tree(document["nodes"], skin["joints"])
    place = np.argsort(order).astype(np.int32)
    return Rig(
        name=name,
        vertices=read["POSITION"],
        normals=read["NORMAL"],
        tangents=along_u,
        bitangents=along_v,
        uv=read["TEXCOORD_0"],
        triangles=triangles.astype(np.int32),
        joint_ids=place[read["JOINTS_0"]],
        weights=weights.astype(np.float32),
        names=names,
        parents=parents,
        offsets=offsets,
        rotations=rotations,
        inverse_bind=inverse.transpose(0, 2, 1).astype(np.float64)[order],
    )
