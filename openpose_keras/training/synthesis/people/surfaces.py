"""Surfaces of clothes and things, drawn at random: plain, patterned, or a part of a photo."""

from collections.abc import Sequence

import numpy as np

from openpose_keras.training.synthesis.materials import plain_material, sample_pattern
from openpose_keras.training.synthesis.raster import Mesh

_PHOTO_SIDE = 192  # pixels
_BLOTCHES_SIDE = 128


def textured(mesh: Mesh, texture: np.ndarray) -> Mesh:
    """Return a mesh with a texture, one material and no bumps.

    Args:
        mesh: The mesh.
        texture: (h, w, 3) uint8 sRGB.
    """
    shape = texture.shape[:2]
    return mesh._replace(
        texture=np.ascontiguousarray(texture),
        regions=np.zeros(shape, np.uint8),
        bumps=np.zeros((*shape, 2), np.int8),
    )


def sample_blotches(rng: np.random.Generator) -> np.ndarray:
    """Draw a texture near white that makes a surface uneven, (128, 128, 3) uint8."""
    noise = rng.standard_normal((_BLOTCHES_SIDE, _BLOTCHES_SIDE, 1), np.float32)
    tint = rng.normal(248, 2, (1, 1, 3)).astype(np.float32)
    return np.clip(tint + noise * np.float32(rng.uniform(1, 7)), 0, 255).astype(np.uint8)


def sample_photo(rng: np.random.Generator, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Cut a square out of one of some photos, (h, h, 3) uint8.

    Args:
        rng: The random generator.
        photos: (h, w, 3) uint8 RGB, one or more.
    """
    photo = photos[int(rng.integers(len(photos)))]
    side = min(*photo.shape[:2], _PHOTO_SIDE)
    top, left = (int(rng.integers(length - side + 1)) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


def sample_surface(
    mesh: Mesh,
    rng: np.random.Generator,
    photos: Sequence[np.ndarray],
    *,
    printed: float = 0.5,
    patterned: float = 0.5,
    glossy: float = 0.2,
) -> Mesh:
    """Draw the surface of a mesh.

    Args:
        mesh: The mesh.
        rng: The random generator.
        photos: (h, w, 3) uint8 RGB; may be empty.
        printed: Probability that it shows a part of a photo, where there are photos.
        patterned: Probability that another surface is not plain.
        glossy: Probability of a strong highlight.
    """
    if len(photos) and rng.random() < printed:
        return textured(mesh, sample_photo(rng, photos))
    uneven = textured(mesh, sample_blotches(rng))
    return uneven._replace(
        materials=plain_material(rng, glossy=glossy),
        pattern=sample_pattern(rng, probability=patterned),
    )
