"""Reads what a skinned mesh needs from a glTF file (`.gltf` with embedded buffers, or `.glb`)."""

import base64
import json
from pathlib import Path

import numpy as np

_DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read_document(path: Path) -> tuple[dict, bytes]:
    """Return the JSON part and the bytes of the first buffer."""
    data = path.read_bytes()
    if data[:4] == b"glTF":
        length = int.from_bytes(data[12:16], "little")
        return json.loads(data[20 : 20 + length]), data[28 + length :]
    document = json.loads(data)
    return document, base64.b64decode(document["buffers"][0]["uri"].split(",", 1)[1])


def read_accessor(document: dict, blob: bytes, index: int) -> np.ndarray:
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


def joint_tree(
    nodes: list[dict], joints: list[int]
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Return names, parents, rest offsets and rotations, parents first, and the joints' order."""
    parent_of = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}

    def depth(node: int) -> int:
        """Count a node's ancestors."""
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
