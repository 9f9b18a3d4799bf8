"""Renders one to six clothed people on a transparent background, with keypoints and masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openpose_keras.training.synthesis import raster, shading
from openpose_keras.training.synthesis.people.assets import PeopleAssets
from openpose_keras.training.synthesis.people.labels import Labels, label
from openpose_keras.training.synthesis.people.person import sample_person
from openpose_keras.training.synthesis.people.stage import build_stage
from openpose_keras.training.synthesis.raster import Buffers, Camera, Mesh

MOST_PEOPLE = 6
_COUNTS = (0.42, 0.24, 0.14, 0.1, 0.06, 0.04)  # probabilities of one to six people
_OVERSAMPLING = 2
_SCALE = shading.Scale(shadow_side=768, shadow_radius=3.0, crevices=(0.04, 0.14), farthest=2.5)


@dataclass(frozen=True, eq=False)
class PeopleScene:
    """People, and things around them.

    Args:
        rgba: (h, w, 4) uint8; RGB is not multiplied by alpha. Where only shadows on the floor are
            seen it is black and clear in part.
        labels: Keypoints, hands, masks and visible fractions of the people.
    """

    rgba: np.ndarray
    labels: Labels


def render_people(
    assets: PeopleAssets,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = (480, 480),
    people: int | None = None,
    photos: Sequence[np.ndarray] = (),
) -> PeopleScene:
    """Render a random scene. The same state of the generator leads to the same pixels.

    Args:
        assets: What `load_people_assets` returned.
        rng: The random generator.
        size: (height, width) of the image in pixels.
        people: How many people there are, 1 to 6; None for any number.
        photos: (h, w, 3) uint8 RGB images for the surfaces of things, the floor and some clothes;
            without any these are plain or patterned.

    Raises:
        ValueError: The size or the number of people is not valid.
    """
    if min(size) < 1 or not (people is None or 1 <= people <= MOST_PEOPLE):
        raise ValueError(
            f"expected a size of 1 pixel or more and 1 to {MOST_PEOPLE} people or None, got {size} "
            f"and {people}"
        )
    count = people or 1 + int(rng.choice(MOST_PEOPLE, p=_COUNTS))
    cast = [sample_person(assets, rng, photos) for _ in range(count)]
    stage = build_stage(cast, rng, photos, size)
    rgba, buffers, lens = photograph(stage.meshes, stage.lens, rng, size, catcher=stage.catcher)
    return PeopleScene(rgba, label(stage, buffers, lens, _OVERSAMPLING))


def photograph(
    meshes: list[Mesh],
    lens: Camera,
    rng: np.random.Generator,
    size: tuple[int, int],
    *,
    scale: shading.Scale = _SCALE,
    catcher: int | None = None,
) -> tuple[np.ndarray, Buffers, Camera]:
    """Render meshes in the camera's frame.

    Args:
        meshes: The meshes.
        lens: The camera, in pixels of the image.
        rng: The random generator, for lamps and exposure.
        size: (height, width) of the image in pixels.
        scale: Lengths of the scene.
        catcher: See `Stage`.

    Returns:
        (h, w, 4) uint8, see `PeopleScene`; what was rasterised, in finer pixels, and the camera in
        these.
    """
    height, width = size
    shape = (height * _OVERSAMPLING, width * _OVERSAMPLING)
    fine = _finer(lens)
    buffers = raster.rasterise(meshes, fine, shape)
    rgba = shading.light(
        meshes, buffers, fine, rng, oversampling=_OVERSAMPLING, scale=scale, catcher=catcher
    )
    return rgba, buffers, fine


def _finer(lens: Camera) -> Camera:
    """Return a camera in the pixels of the oversampled image."""
    x, y = ((np.array(lens.centre) + 0.5) * _OVERSAMPLING - 0.5).tolist()
    return Camera(lens.focal * _OVERSAMPLING, (x, y))
