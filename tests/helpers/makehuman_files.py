"""Tiny files in the forms of MakeHuman: a bar of two bones, clothes for it, a motion."""

import gzip
import json
from pathlib import Path

# A bar along y, in tenths of a metre: four vertices around y = 0, 10 and 20; the cubes of joints.
_LEVELS = (0.0, 10.0, 20.0)
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def write_body(root: Path) -> Path:
    """Write a base mesh with the bones "root" and "tip" and one target, "longer".

    The lower bone begins at y = 0, the upper one at y = 1 m; the middle vertices follow both alike.

    Args:
        root: The folder to write into; it becomes an `mpfb2`.

    Returns:
        The folder.
    """
    vertices = [(x, y, z) for y in _LEVELS for x, z in _CORNERS]
    faces = [
        (low + a, low + (a + 1) % 4, low + 4 + (a + 1) % 4, low + 4 + a)
        for low in (0, 4)
        for a in range(4)
    ]
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + ["vt 0 0", "vt 1 0", "g body"]
    lines += ["f " + " ".join(f"{v + 1}/{1 + v % 2}" for v in face) for face in faces]
    _write(root / "3dobjs/base.obj", "\n".join(lines))
    groups = {"body": [[0, 11]], "joint-low": [[0, 3]], "joint-middle": [[4, 7]]}
    _write(root / "mesh_metadata/basemesh_vertex_groups.json", json.dumps(groups))
    bones = {
        "tip": {"parent": "root", "head": {"strategy": "CUBE", "cube_name": "joint-middle"}},
        "root": {"parent": "", "head": {"strategy": "MEAN", "vertex_indices": [0, 2]}},
    }
    _write(root / "rigs/standard/rig.default.json", json.dumps(bones))
    weights = {
        "root": [[v, 1.0] for v in range(4)] + [[v, 0.5] for v in range(4, 8)],
        "tip": [[v, 0.5] for v in range(4, 8)] + [[v, 1.0] for v in range(8, 12)],
    }
    _write(root / "rigs/standard/weights.default.json", json.dumps({"weights": weights}))
    rows = "\n".join(f"{v} 0 {5 * (v // 4)} 0" for v in range(4, 12))
    (root / "targets").mkdir()
    target = gzip.compress(f"# half as long again\n{rows}\n".encode())
    (root / "targets/longer.target.gz").write_bytes(target)
    return root


def write_clothes(folder: Path, rows: list[str]) -> Path:
    """Write clothes of two triangles for the bar, scaled by its width, length and depth.

    Args:
        folder: The folder to write into.
        rows: The lines of the `.mhclo` that tell where its four vertices are.

    Returns:
        The `.mhclo` file.
    """
    points = "\n".join(["v 0 0 0"] * len(rows))
    _write(folder / "shirt.obj", f"{points}\nvt 0 0\nf 1/1 2/1 3/1\nf 1/1 3/1 4/1\n")
    head = "# clothes\nname shirt\nobj_file shirt.obj\nx_scale 0 1 2.0\ny_scale 0 4 10.0\n"
    text = f"{head}z_scale 1 2 2.0\nverts 0\nmaterial x.mhmat\n" + "\n".join(rows)
    _write(folder / "shirt.mhclo", f"{text}\n\ndelete_verts\n0 2 - 4\n 9\n")
    return folder / "shirt.mhclo"


def write_bvh(path: Path, numbers: str) -> Path:
    """Write a motion of one frame with the bones "root" (6 channels) and "arm.L" (3 channels).

    Args:
        path: The file.
        numbers: The frame's line.
    """
    channels = "Xrotation Yrotation Zrotation"
    _write(
        path,
        "HIERARCHY\nROOT root\n{\nOFFSET 0 0 0\n"
        f"CHANNELS 6 Xposition Yposition Zposition {channels}\n"
        f"JOINT arm.L\n{{\nOFFSET 1 0 0\nCHANNELS 3 {channels}\n"
        "End Site\n{\nOFFSET 1 0 0\n}\n}\n}\n"
        f"MOTION\nFrames: 1\nFrame Time: 0.04\n{numbers}\n",
    )
    return path


def _write(path: Path, text: str) -> None:
    """Write a text file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
