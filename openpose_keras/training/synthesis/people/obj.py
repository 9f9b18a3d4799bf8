"""Wavefront OBJ meshes, as MakeHuman's assets have them."""

import itertools
import zipfile
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

Node: TypeAlias = Path | zipfile.Path
"""A file or folder, which may lie in a zip file."""


class Surface(NamedTuple):
    """Triangles over points that have texture coordinates.

    Args:
        source: (k,) int32, the vertex of the mesh at which each point lies; a vertex on a seam of
            the texture has several points.
        uv: (k, 2) float32 texture coordinates, v down.
        triangles: (t, 3) int32, indices of points, counter-clockwise seen from outside.
    """

    source: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray

    def subset(self, chosen: np.ndarray) -> "Surface":
        """Return the chosen triangles, (t,) bool or indices, and the points that they use.

        Args:
            chosen: Which triangles.
        """
        used, triangles = np.unique(self.triangles[chosen], return_inverse=True)
        triangles = triangles.reshape(-1, 3).astype(np.int32)
        return Surface(self.source[used], self.uv[used], triangles)


class Obj(NamedTuple):
    """The content of an OBJ file.

    Args:
        vertices: (n, 3) float32.
        surface: Its triangles; a face of more corners becomes a fan.
        groups: (t,) the name of the group that each triangle belongs to.
    """

    vertices: np.ndarray
    surface: Surface
    groups: np.ndarray


def read_obj(path: Node) -> Obj:
    """Read a mesh with texture coordinates.

    Args:
        path: The `.obj` file.

    Raises:
        ValueError: A line is not as OBJ has it.
        LookupError: A face names a vertex or texture coordinate that is missing.
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
        surface: The surface; triangles are connected where they have a vertex in common.

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
