"""A random person as meshes and keypoints: shape, pose, skin, hair and clothes.

Bodies have all ages, genders and builds, which are given by the strengths of MakeHuman's targets.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.color import to_linear
from openpose_keras.training.synthesis.kinematics import vertex_normals
from openpose_keras.training.synthesis.materials import (
    any_colour,
    sample_blotches,
    sample_surface,
    skin_colour,
    skin_material,
    textured,
)
from openpose_keras.training.synthesis.people.assets import BEARD, LIPS, NAILS, PeopleAssets
from openpose_keras.training.synthesis.people.body import Body, Pose, Surface, skin
from openpose_keras.training.synthesis.people.clothes import Garment, sample_cuts, sew, trimmed
from openpose_keras.training.synthesis.people.landmarks import locate, locate_face
from openpose_keras.training.synthesis.people.poses import sample_pose
from openpose_keras.training.synthesis.raster import Material, Mesh

# Colours of hair, as sRGB: black, browns, blond, red, grey, white.
_HAIR_COLOURS = np.array(
    [
        (0.06, 0.05, 0.05), (0.12, 0.08, 0.06), (0.22, 0.14, 0.09), (0.33, 0.21, 0.12),
        (0.52, 0.37, 0.2), (0.75, 0.6, 0.36), (0.5, 0.2, 0.1), (0.5, 0.5, 0.5), (0.85, 0.84, 0.82),
    ]
)  # fmt: skip
_IRISES = np.array([(70, 40, 20), (100, 65, 35), (90, 120, 150), (80, 110, 70), (60, 60, 60)])
_EYE_TEXTURE = 64  # pixels
_IRIS_RADIUS, _PUPIL_RADIUS = 0.5, 0.2  # of the eye's
_AGES = {"baby": 0.0, "child": 0.1875, "young": 0.5, "old": 1.0}
_RACES = ("african", "asian", "caucasian")
_DETAILS = (
    "arms", "buttocks", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "hip",
    "legs", "mouth", "neck", "nose", "stomach", "torso",
)  # fmt: skip
_MOST_DETAILS = 9


class Person(NamedTuple):
    """A person in the model's frame, in which the feet or the lowest point have the height 0.

    Args:
        meshes: Skin, eyes, hair and clothes.
        keypoints: (25, 3) keypoints of the body in the order of `BODY_25`.
        hands: (2, 21, 3) keypoints of the left and the right hand in the order of `HAND`.
        face_points: (70, 3) keypoints of the face in the order of `FACE`.
        face: (3, 3) the head's axes as columns: to its left, up, forwards.
        height: Height of the standing body in metres.
        family: The family of the pose.
        stand: Rotation (3, 3) and offset (3,) from the meshes' frame to the world's.
    """

    meshes: list[Mesh]
    keypoints: np.ndarray
    hands: np.ndarray
    face_points: np.ndarray
    face: np.ndarray
    height: float
    family: str
    stand: tuple[np.ndarray, np.ndarray] = (np.eye(3), np.zeros(3))


class Shape(NamedTuple):
    """The shape of a random body.

    Args:
        male: Whether the body is male.
        age: 0 a baby, 0.19 a child, 0.5 a young adult, 1 an old person.
        targets: Strengths of the targets, see `Body.shaped`.
    """

    male: bool
    age: float
    targets: dict[str, float]


class _Figure(NamedTuple):
    """A shaped body in a pose, before it is dressed."""

    body: Body
    shape: Shape
    rest: np.ndarray
    pose: Pose


def sample_person(
    assets: PeopleAssets, rng: np.random.Generator, photos: Sequence[np.ndarray]
) -> Person:
    """Draw a person.

    Args:
        assets: The assets from `load_people_assets`.
        rng: The random generator.
        photos: (h, w, 3) uint8 RGB images that some clothes show. May be empty.
    """
    body = assets.body
    shape = sample_shape(body, rng)
    rest = body.shaped(shape.targets)
    heads = body.heads(rest)
    skinned = rest[body.surfaces["skin"].source]
    height = float(np.ptp(skinned[:, 1]))
    waist = np.abs(skinned[:, 1] - heads[body.bone("spine03"), 1]) < 0.05 * height
    girth = float(np.ptp(skinned[waist, 2])) / 2
    posed = sample_pose(body, heads, girth, assets.motions, rng)
    figure = _Figure(body, shape, rest, body.pose(heads, posed.rotations))
    vertices = skin(figure.pose, rest, body.joint_ids, body.weights)
    keypoints, hands = locate(body, assets.landmarks, figure.pose, vertices)
    clothes, hidden = _clothes(assets, figure, rng, photos)
    meshes = [_skin(assets, figure, vertices, hidden, rng), _eyes(figure, vertices, rng)]
    meshes += _hair(assets, figure, rng) + clothes
    lowest = min(mesh.vertices[:, 1].min() for mesh in meshes)
    down = np.array([0, -lowest, 0], np.float32)
    return Person(
        [mesh._replace(vertices=mesh.vertices + down) for mesh in meshes],
        keypoints + down,
        hands + down,
        locate_face(assets.landmarks, vertices) + down,
        figure.pose.rotations[body.bone("head")],
        height,
        posed.family,
    )


def _mesh(surface: Surface, vertices: np.ndarray) -> Mesh:
    """Return a mesh with smooth normals over moved vertices."""
    corners = surface.source[surface.triangles]
    normals = vertex_normals(vertices, corners)[surface.source]
    frame = np.zeros((len(normals), 3, 3), np.float32)
    frame[:, 0] = normals
    return Mesh(vertices[surface.source], frame, surface.uv, surface.triangles)


def _skin(
    assets: PeopleAssets,
    figure: _Figure,
    vertices: np.ndarray,
    hidden: np.ndarray,
    rng: np.random.Generator,
) -> Mesh:
    """Draw the skin, without what clothes hide."""
    surface = figure.body.surfaces["skin"]
    mesh = _mesh(surface, vertices)
    corners = surface.source[surface.triangles]
    colour = skin_colour(rng)
    ones = np.ones(3)
    plain = skin_material(ones, colour, rng)
    lip = np.clip(colour * rng.uniform((0.85, 0.4, 0.45), (1.15, 0.75, 0.8)), 0, 0.9)
    if not figure.shape.male and rng.random() < 0.25:
        lip = np.clip(any_colour(rng) * (1, 0.2, 0.3) + (0.15, 0, 0.02), 0, 0.9)
    beard = colour
    if figure.shape.male and figure.shape.age > 0.42 and rng.random() < 0.4:
        beard = colour + rng.uniform(0.15, 0.7) * (_hair_colour(figure.shape, rng) - colour)
    parts = {LIPS: lip, NAILS: np.clip(colour * 1.1 + 0.02, 0, 0.9), BEARD: beard}
    targets = [colour] + [parts[region] for region in sorted(parts)]
    records = [plain._replace(target=target).record() for target in targets]
    return mesh._replace(
        triangles=mesh.triangles[~hidden[corners].all(axis=1)],
        texture=sample_blotches(rng),
        regions=assets.regions,
        bumps=np.zeros((*assets.regions.shape, 2), np.int8),
        materials=np.concatenate(records),
    )


def _eyes(figure: _Figure, vertices: np.ndarray, rng: np.random.Generator) -> Mesh:
    """Draw the eyes; their texture is seen from the front."""
    surface = figure.body.surfaces["eyes"]
    rest = figure.rest[surface.source]
    uv = np.empty((len(rest), 2), np.float32)
    for chosen in (rest[:, 0] > 0, rest[:, 0] <= 0):
        low, high = rest[chosen].min(0), rest[chosen].max(0)
        uv[chosen] = ((rest[chosen] - low) / (high - low))[:, :2]
    across = np.linspace(-1, 1, _EYE_TEXTURE)
    radius = np.hypot(across, across[:, None])[..., None]
    texture = np.where(radius < _IRIS_RADIUS, _IRISES[rng.integers(len(_IRISES))], (235, 228, 222))
    texture = np.where(radius < _PUPIL_RADIUS, 12, texture).astype(np.uint8)
    material = Material(np.ones(3), np.ones(3), specular=0.5, shininess=80.0)
    eyes = _mesh(surface, vertices)._replace(uv=uv, materials=material.record())
    return textured(eyes, texture)


def _hair_colour(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Draw the colour of hair, (3,) linear RGB; old people's is often grey."""
    known = len(_HAIR_COLOURS)
    old = shape.age > 0.75 and rng.random() < 0.6
    colour = _HAIR_COLOURS[rng.integers(known - 2, known) if old else rng.integers(known - 1)]
    if rng.random() < 0.04:
        return any_colour(rng)
    return np.asarray(np.clip(to_linear(colour) * np.exp(rng.normal(0, 0.25, 3)), 0.003, 0.9))


def _worn(garment: Garment, figure: _Figure) -> list[Mesh]:
    """Fit clothes to a figure and pose them, one mesh a piece."""
    fitted = garment.fit(figure.rest)
    posed = skin(figure.pose, fitted, garment.joint_ids, garment.weights)
    return [_mesh(piece, posed)._replace(two_sided=True) for piece in garment.pieces]


def _hair(assets: PeopleAssets, figure: _Figure, rng: np.random.Generator) -> list[Mesh]:
    """Draw eyebrows, hair and, rarely, a hat."""
    colour = _hair_colour(figure.shape, rng)
    gloss = Material(
        np.ones(3), colour, specular=rng.exponential(0.15), shininess=rng.uniform(8, 30),
        pattern=rng.uniform(2, 8),
    )  # fmt: skip
    strands = rng.uniform(0.55, 1.0, (1, 64, 1)) * rng.uniform(0.85, 1, (64, 64, 1))
    pattern = np.repeat(strands, 3, axis=2).astype(np.float32)
    names = ("short",) if figure.shape.male and rng.random() < 0.85 else ("",)
    styles = [each for each in assets.garments["hair"] if each.name.startswith(names)]
    parts = _worn(_pick(assets.garments["eyebrows"], rng), figure)
    if rng.random() > (0.13 if figure.shape.male else 0.02):
        parts += _worn(_pick(styles, rng), figure)
    hair = [each._replace(materials=gloss.record(), pattern=pattern) for each in parts]
    if rng.random() < 0.08:
        hair += _coloured(_worn(_pick(assets.garments["hats"], rng), figure), rng, ())
    return hair


def _pick(garments: list[Garment], rng: np.random.Generator) -> Garment:
    """Draw one of several garments."""
    return garments[int(rng.integers(len(garments)))]


def _clothes(
    assets: PeopleAssets,
    figure: _Figure,
    rng: np.random.Generator,
    photos: Sequence[np.ndarray],
) -> tuple[list[Mesh], np.ndarray]:
    """Draw clothes, and return them with the body's vertices that they hide."""
    body, hidden = figure.body, np.zeros(len(figure.rest), bool)
    meshes: list[Mesh] = []
    kind = "male" if figure.shape.male else "female"
    if rng.random() < 0.45:
        suit = _pick(assets.garments[kind], rng)
        meshes += _coloured(_worn(suit, figure), rng, photos)
        hidden |= suit.hidden
    else:
        for cut in sample_cuts(rng, male=figure.shape.male):
            clothes, rest, covered = sew(body, assets.measures, cut, figure.rest)
            posed = skin(figure.pose, rest, body.joint_ids, body.weights)
            parts = [trimmed(_mesh(cloth.surface, posed), cloth.depths) for cloth in clothes]
            meshes += _coloured(
                [part._replace(two_sided=True) for part in parts], rng, photos, alike=0.7
            )
            hidden |= covered
    if rng.random() < 0.88:
        shoes = _pick(assets.garments["shoes"], rng)
        meshes += _coloured(_worn(shoes, figure), rng, ())
        hidden |= shoes.hidden
    return meshes, hidden


def _coloured(
    meshes: list[Mesh],
    rng: np.random.Generator,
    photos: Sequence[np.ndarray],
    *,
    alike: float = 0.2,
) -> list[Mesh]:
    """Draw a cloth with folds for each piece of clothes, or the same cloth for all pieces."""
    result: list[Mesh] = []
    for mesh in meshes:
        cloth = sample_surface(mesh, rng, photos, printed=0.07, patterned=0.4, glossy=0.12)
        cloth.materials["pattern"] *= rng.uniform(1, 4)
        if result and rng.random() < alike:
            first = result[0]
            cloth = textured(mesh, first.texture)
            cloth = cloth._replace(materials=first.materials, pattern=first.pattern)
        waves = rng.normal(size=(3, 3)) * rng.uniform(20, 90)
        folds = np.sin(mesh.vertices @ waves + rng.uniform(0, 6, 3)) * rng.uniform(0.05, 0.35)
        normals = mesh.frame[:, 0] + folds.astype(np.float32)
        mesh.frame[:, 0] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        result.append(cloth)
    return result


def sample_shape(body: Body, rng: np.random.Generator) -> Shape:
    """Draw the shape of a body and its facial expression.

    Args:
        body: The base mesh, whose targets are used.
        rng: The random generator.
    """
    male = bool(rng.random() < 0.5)
    low, high = ((0.06, 0.4), (0.4, 0.75), (0.75, 1.0))[rng.choice(3, p=(0.2, 0.65, 0.15))]
    age = float(rng.uniform(low, high))
    muscle, weight = rng.beta(2, 2), rng.beta(1.6, 1.8)
    races = rng.dirichlet((0.3, 0.3, 0.3))
    targets = dict(_macro_targets(male, age, muscle, weight, height=rng.beta(2.5, 2.5)))
    gender = "male" if male else "female"
    for (race, part), (name, strength) in itertools.product(
        zip(_RACES, races, strict=True), _between(age, _AGES).items()
    ):
        targets[f"macrodetails/{race}-{gender}-{name}"] = part * strength
    if not male and age > 0.35 and rng.random() < 0.6:
        cup = f"breast/female-young-averagemuscle-averageweight-{rng.choice(('max', 'min'))}cup"
        targets[f"{cup}-averagefirmness"] = rng.uniform(0, 0.9)
    targets |= _details(body, rng)
    targets |= _expression(body, rng, _RACES[int(np.argmax(races))])
    return Shape(male, age, {name: float(value) for name, value in targets.items()})


def _between(value: float, stops: dict[str, float]) -> dict[str, float]:
    """Return the interpolation weights of the two stops on both sides of a value."""
    positions = list(stops.values())
    fractions = (np.interp(value, positions, row) for row in np.eye(len(positions)))
    return {name: float(f) for name, f in zip(stops, fractions, strict=True) if f > 0}


def _macro_targets(
    male: bool, age: float, muscle: float, weight: float, *, height: float
) -> Iterator[tuple[str, float]]:
    """Yield the targets of age, muscle, weight and height."""
    gender = "male" if male else "female"
    axes = [
        {f"{extreme}{kind}": stop for extreme, stop in (("min", 0), ("average", 0.5), ("max", 1))}
        for kind in ("muscle", "weight")
    ]
    tall = abs(2 * height - 1), "maxheight" if height > 0.5 else "minheight"
    parts = (_between(age, _AGES), _between(muscle, axes[0]), _between(weight, axes[1]))
    for (a, x), (m, y), (w, z) in itertools.product(*(each.items() for each in parts)):
        yield f"macrodetails/universal-{gender}-{a}-{m}-{w}", x * y * z
        yield f"macrodetails/height/{gender}-{a}-{m}-{w}-{tall[1]}", x * y * z * tall[0]


def _details(body: Body, rng: np.random.Generator) -> dict[str, float]:
    """Draw a few targets of single features, the same on both sides."""
    result = {}
    for _ in range(rng.integers(_MOST_DETAILS + 1)):
        folder = str(rng.choice(_DETAILS))
        name, strength = str(rng.choice(body.target_names(folder))), rng.uniform(0, 0.6)
        if name.startswith(("l-", "r-")):
            result[f"{folder}/l-{name[2:]}"] = strength
            name = f"r-{name[2:]}"
        result[f"{folder}/{name}"] = strength
    return result


def _expression(body: Body, rng: np.random.Generator, race: str) -> dict[str, float]:
    """Draw a facial expression; an open mouth, a smile and closed eyes are frequent."""
    folder = f"expression/units/{race}"
    names = rng.choice(body.target_names(folder), rng.integers(0, 5), replace=False)
    result = {f"{folder}/{name}": rng.uniform(0, 0.8) for name in names if "-eye" not in name}
    if rng.random() < 0.35:
        result[f"{folder}/mouth-open"] = rng.uniform(0, 1)
    if rng.random() < 0.4:
        result[f"{folder}/mouth-corner-puller"] = rng.uniform(0.2, 1)
    if rng.random() < 0.15:
        closed = rng.uniform(0.3, 1)
        result |= {f"{folder}/eye-{side}-closure": closed for side in ("left", "right")}
    return result
