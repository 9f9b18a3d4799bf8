"""Clothes of a shaped body: MakeHuman's, fitted to it, and others cut from tights and skirt.

MakeHuman's clothes, hair and shoes are `.mhclo` files with `.obj` meshes. Its tights and skirt are
a layer around the body, from which shirts, trousers, skirts and dresses of any length are cut.
"""

from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.kinematics import vertex_normals
from openpose_keras.training.synthesis.people.body import (
    Body,
    Node,
    Surface,
    components,
    dense_weights,
    read_obj,
    strongest,
)
from openpose_keras.training.synthesis.raster import Mesh

_SCALES = ("x_scale", "y_scale", "z_scale")
_ARM = ("upperarm01", "lowerarm01", "wrist")
_LEG = ("upperleg01", "lowerleg01", "foot")
_TORSO = ("spine", "clavicle", "shoulder", "breast", "pelvis", "root", "neck")
_TILES = 5  # of a pattern a metre
_NOWHERE = -9.0  # no part of a limb is covered
_MARGIN = 0.07  # by which the skin reaches under the clothes


class Garment(NamedTuple):
    """Clothes that follow a body, with c vertices, each attached to three of the body's.

    Args:
        name: The file's name.
        holders: (c, 3) int32, vertices of the body.
        shares: (c, 3) float32, the weight of each holder; sums are about 1.
        offsets: (c, 3) float32, in units of the scales.
        references: (3, 2) int32, for x, y, z the vertices whose distance scales the offsets.
        distances: (3,) float32, this distance on the body for which the clothes were made. The
            distances and the offsets are in the file's unit; only their ratio matters.
        hidden: (n,) bool, the body's vertices that the clothes hide.
        pieces: The connected parts. Parts of equal size (left and right) count as one.
        joint_ids: (c, 4) int32 bones.
        weights: (c, 4) float32.
    """

    name: str
    holders: np.ndarray
    shares: np.ndarray
    offsets: np.ndarray
    references: np.ndarray
    distances: np.ndarray
    hidden: np.ndarray
    pieces: list[Surface]
    joint_ids: np.ndarray
    weights: np.ndarray

    def fit(self, vertices: np.ndarray) -> np.ndarray:
        """Return the clothes' vertices on a shaped body, (c, 3) float32.

        Args:
            vertices: (n, 3) of the shaped body.
        """
        axes = np.arange(3)
        ends = vertices[self.references, axes[:, None]]
        scale = np.abs(ends[:, 0] - ends[:, 1]) / self.distances
        held = np.einsum("ck,cka->ca", self.shares, vertices[self.holders])
        return np.asarray(held + self.offsets * scale, np.float32)


def read_garment(path: Node, folder: Node, body: Body) -> Garment:
    """Read clothes.

    Args:
        path: The `.mhclo` file.
        folder: The folder of its `.obj` file.
        body: The body for which they are made.

    Raises:
        OSError: A file is missing.
        ValueError: A file is not in MakeHuman's format.
        LookupError: A file refers to a vertex that is missing.
    """
    header, rows, deleted = _split(path.read_bytes().decode())
    mesh = read_obj(folder / header["obj_file"][0])
    if len(rows) != len(mesh.vertices):
        raise ValueError(f"expected {len(mesh.vertices)} vertices in {path.name}, got {len(rows)}")
    table = np.array([row if len(row) == 9 else [row[0]] * 3 + [1.0] + [0.0] * 5 for row in rows])
    holders, shares = table[:, :3].astype(np.int32), table[:, 3:6].astype(np.float32)
    scales = np.array([header[name] for name in _SCALES], float)
    held = np.maximum(shares, 0.0) + np.float32(1e-6)
    dense = dense_weights(body.joint_ids, body.weights, len(body.bones))[holders]
    joint_ids, weights = strongest(np.einsum("ck,ckj->cj", held, dense))
    hidden = np.zeros(len(body.vertices), bool)
    hidden[deleted] = True
    return Garment(
        name=path.name,
        holders=holders,
        shares=shares,
        offsets=table[:, 6:].astype(np.float32),
        references=scales[:, :2].astype(np.int32),
        distances=scales[:, 2].astype(np.float32),
        hidden=hidden,
        pieces=_pieces(mesh.surface),
        joint_ids=joint_ids,
        weights=weights,
    )


def _split(text: str) -> tuple[dict[str, list[str]], list[list[float]], list[int]]:
    """Return a file's header, the rows of its vertices and the body's vertices that it hides."""
    header: dict[str, list[str]] = {}
    rows: list[list[float]] = []
    deleted: list[int] = []
    section = ""
    for line in text.splitlines():
        word, *rest = line.split() or ["#"]
        if word in ("verts", "delete_verts"):
            section = word
        elif word[0].isalpha() or word[0] == "#":
            header.setdefault(word, rest)
        elif section == "verts":
            rows.append([float(number) for number in (word, *rest)])
        elif section == "delete_verts":
            spans = line.replace(" - ", "-").split()
            for first, _, last in (span.partition("-") for span in spans):
                deleted += range(int(first), int(last or first) + 1)
    return header, rows, deleted


def _pieces(surface: Surface) -> list[Surface]:
    """Split a surface into its parts; parts with the same number of triangles stay together."""
    labels = components(surface)
    _, part, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sizes = counts[part.reshape(-1)]
    return [surface.subset(sizes == size) for size in np.unique(sizes)]


class Measures(NamedTuple):
    """The positions of the base mesh's vertices along its limbs, (n,) float32 each.

    Args:
        arm: 0 at the shoulder, 1 at the elbow, 2 at the wrist; NaN outside the arms.
        leg: 0 at the hip, 1 at the knee, 2 at the ankle; NaN outside the legs.
        height: 0 at the hips, 1 at the neck's base; NaN outside legs, torso and neck.
        neck: Metres along the neck, negative below its base.
        folds: (n, 2) metres along and across, as texture coordinates.
    """

    arm: np.ndarray
    leg: np.ndarray
    height: np.ndarray
    neck: np.ndarray
    folds: np.ndarray


class Cut(NamedTuple):
    """The part of the body that clothes cover.

    Args:
        sleeve: The end along the arms, see `Measures`.
        leg: The end along the legs.
        low: The lower end of the height; `_NOWHERE` for clothes that are limited only by `leg`.
        high: The upper end of the height.
        neck: The end along the neck.
        loose: Distance from the body in metres.
        skirt: Whether the legs are covered by a skirt.
    """

    sleeve: float
    leg: float
    low: float
    high: float
    neck: float
    loose: float
    skirt: bool = False

    def depth(self, measures: Measures) -> np.ndarray:
        """Return the depth of each vertex inside the clothes, (n,), negative outside.

        Args:
            measures: The measures of the base mesh.
        """
        collar = (self.neck - measures.neck) * 10
        arm, leg = np.minimum(self.sleeve - measures.arm, collar), self.leg - measures.leg
        torso = np.minimum(measures.height - self.low, self.high - measures.height)
        torso = np.minimum(torso, collar)
        on_leg = np.isfinite(leg)
        below = np.maximum(leg, torso) if self.low > _NOWHERE else leg
        depth = np.where(np.isfinite(arm), arm, np.where(on_leg, below, torso))
        return np.where(np.isfinite(depth), depth, -1.0)


def measure(body: Body) -> Measures:
    """Measure the positions of the base mesh's vertices along its limbs.

    Args:
        body: The base mesh.
    """
    vertices, heads = body.vertices, body.heads(body.vertices)
    limbs = []
    for names, prefixes in ((_ARM, ("upperarm", "lowerarm")), (_LEG, ("upperleg", "lowerleg"))):
        along = np.full(len(vertices), np.nan, np.float32)
        for side in "LR":
            points = heads[[body.bone(f"{name}.{side}") for name in names]]
            for number, prefix in enumerate(prefixes):
                axis = points[number + 1] - points[number]
                chosen = body.vertices_of(f"{prefix}01.{side}", f"{prefix}02.{side}")
                fraction = (vertices[chosen] - points[number]) @ axis / (axis @ axis)
                along[chosen] = number + np.clip(fraction, -0.2, 1.0)
        limbs.append(along)
    hips, base, top = (heads[body.bone(name)] for name in ("upperleg01.L", "neck01", "head"))
    height = ((vertices[:, 1] - hips[1]) / (base[1] - hips[1])).astype(np.float32)
    height[~body.vertices_of(*_TORSO, "upperleg")] = np.nan
    axis = (top - base) / np.linalg.norm(top - base)
    folds = np.stack([vertices[:, 0] + 0.7 * vertices[:, 2], -vertices[:, 1]], axis=1)
    return Measures(limbs[0], limbs[1], height, (vertices - base) @ axis, folds.astype(np.float32))


class Cloth(NamedTuple):
    """The result of `sew`.

    Args:
        surface: The part of the tights or the skirt that extends to the clothes' edges or beyond.
        depths: (k,) depth of each of its points inside the clothes, negative outside.
    """

    surface: Surface
    depths: np.ndarray


def sew(
    body: Body, measures: Measures, cut: Cut, vertices: np.ndarray
) -> tuple[list[Cloth], np.ndarray, np.ndarray]:
    """Cut clothes from the tights and the skirt.

    Args:
        body: The base mesh.
        measures: The measures of the base mesh.
        cut: The part of the body that they cover.
        vertices: (n, 3) float32 vertices of the shaped body.

    Returns:
        The clothes, which `trimmed` cuts at their edges after posing; the (n, 3) float32 vertices,
        moved away from the body; and the body's vertices that the clothes hide, (n,) bool.
    """
    depth = cut.depth(measures)
    parts = {"tights": depth}
    if cut.skirt:
        on_leg = np.isfinite(measures.leg)
        parts = {"tights": np.where(on_leg, -1.0, depth)}
        parts["skirt"] = np.where(on_leg, cut.leg - measures.leg, 1.0)
    moved, clothes = vertices.copy(), []
    for name, depths in parts.items():
        surface = body.surfaces[name]
        corners = surface.source[surface.triangles]
        moved += vertex_normals(vertices, corners) * np.float32(cut.loose)
        chosen = surface.subset((depths[corners] > 0).any(axis=1))
        chosen = chosen._replace(uv=measures.folds[chosen.source] * _TILES)
        clothes.append(Cloth(chosen, depths[chosen.source]))
    return clothes, moved, depth > _MARGIN


def trimmed(mesh: Mesh, depths: np.ndarray) -> Mesh:
    """Return the part of a mesh with depths above 0, whose edge cuts through triangles.

    Args:
        mesh: The mesh.
        depths: (k,) depths of its points.
    """
    inside = depths[mesh.triangles] > 0
    count = inside.sum(axis=1)
    cut = (count == 1) | (count == 2)
    alone = inside[cut] == (count[cut] == 1)[:, None]  # one corner differs from the two others
    order = (alone.argmax(axis=1)[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(mesh.triangles[cut], order, axis=1).T
    starts, ends = np.tile(a, 2), np.concatenate([b, c])
    fraction = (depths[starts] / (depths[starts] - depths[ends])).astype(np.float32)

    def extended(values: np.ndarray) -> np.ndarray:
        """Add the values at the new points."""
        weight = fraction.reshape(-1, *[1] * (values.ndim - 1))
        return np.concatenate([values, values[starts] + weight * (values[ends] - values[starts])])

    ab, ac = (len(depths) + np.arange(2 * len(a))).reshape(2, -1)
    corner = count[cut] == 1
    triangles = np.concatenate(
        [
            mesh.triangles[count == 3],
            np.stack([a, ab, ac], axis=1)[corner],
            np.stack([ab, b, c], axis=1)[~corner],
            np.stack([ab, c, ac], axis=1)[~corner],
        ]
    )
    return mesh._replace(
        vertices=extended(mesh.vertices),
        frame=extended(mesh.frame),
        uv=extended(mesh.uv),
        triangles=triangles.astype(np.int32),
    )


def sample_cuts(rng: np.random.Generator, *, male: bool) -> list[Cut]:
    """Draw the clothes of a person: a lower and an upper garment, or a dress.

    Args:
        rng: The random generator.
        male: Whether skirts and dresses are left out.
    """
    sleeve = float(rng.choice([-0.05, rng.uniform(0.15, 0.9), rng.uniform(1.0, 1.9), 1.97]))
    length = float(rng.choice([rng.uniform(0.2, 0.95), rng.uniform(1.0, 1.8), 1.97, 1.97]))
    neck, loose = float(rng.uniform(-0.07, 0.045)), float(rng.uniform(0.0, 0.012))
    if not male and rng.random() < 0.2:
        return [Cut(sleeve, length, _NOWHERE, 2.0, neck, loose, skirt=True)]
    waist, hem = float(rng.uniform(0.12, 0.4)), float(rng.uniform(-0.2, 0.2))
    skirt = not male and rng.random() < 0.25
    lower = Cut(_NOWHERE, length, _NOWHERE, waist, neck, loose, skirt=skirt)
    outer = loose + float(rng.uniform(0.004, 0.02))
    return [lower, Cut(sleeve, _NOWHERE, hem, 2.0, neck, outer)]
