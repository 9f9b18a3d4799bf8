"""MakeHuman's clothes, hair and shoes (`.mhclo` with `.obj`), fitted to a shaped body."""

from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.people.body import (
    Body,
    Node,
    Surface,
    components,
    dense_weights,
    read_obj,
    strongest,
)

_SCALES = ("x_scale", "y_scale", "z_scale")


class Garment(NamedTuple):
    """Clothes that follow a body: c vertices, each held by three of the body's.

    Args:
        name: The file's name.
        holders: (c, 3) int32, vertices of the body.
        shares: (c, 3) float32, how much of each; sums are about one.
        offsets: (c, 3) float32, in units of the scales.
        references: (3, 2) int32, for x, y, z the vertices whose distance scales the offsets.
        distances: (3,) float32, that distance on the body that the clothes were made on. It and
            the offsets are in the file's unit; only their ratio counts.
        hidden: (n,) bool, the body's vertices that the clothes hide.
        pieces: The connected parts, those of equal size (left and right) as one.
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
        folder: Where its `.obj` file lies.
        body: What they are made for.

    Raises:
        OSError: A file is missing.
        ValueError: A file is not as MakeHuman has it.
        LookupError: A file names a vertex that is missing.
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
    """Cut a surface into its parts; parts with equally many triangles stay together."""
    labels = components(surface)
    _, part, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sizes = counts[part.reshape(-1)]
    return [surface.subset(sizes == size) for size in np.unique(sizes)]
