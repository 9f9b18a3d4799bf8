"""Random colours, materials and surfaces: skin, nails, gloves, cloth, parts of photos."""

from collections.abc import Sequence

import numpy as np

from openpose_keras.training.synthesis.assets import CLOTH, NAIL, SKIN, Texture
from openpose_keras.training.synthesis.color import lab_to_linear, to_linear
from openpose_keras.training.synthesis.raster import PLAIN_PATTERN, Material, Mesh

# Well-known colours of gloves, as sRGB.
_GLOVE_COLOURS = np.array(
    [
        (0.95, 0.95, 0.94), (0.07, 0.07, 0.08), (0.25, 0.45, 0.85), (0.45, 0.65, 0.9),
        (0.96, 0.83, 0.1), (0.9, 0.45, 0.1), (0.4, 0.25, 0.15), (0.85, 0.3, 0.45),
        (0.35, 0.6, 0.35), (0.6, 0.62, 0.63),
    ]
)  # fmt: skip
_PHOTO_SIDE = 192  # pixels
_BLOTCHES_SIDE = 128


def skin_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw the mean albedo of skin, (3,) linear RGB, from very dark to very pale.

    Lightness is uniform over human skin. Hue and chroma depend on it as in measured skin: dark and
    pale skin have less chroma than tan skin, and pale skin is redder.
    """
    lightness = rng.uniform(24, 78)
    chroma = 11 + 12 * np.exp(-(((lightness - 57) / 20) ** 2)) + rng.normal(0, 3)
    hue = np.radians(np.clip(rng.normal(55, 8) + (lightness < 45) * 3, 32, 76))
    return lab_to_linear(lightness, chroma * np.cos(hue), chroma * np.sin(hue))


def any_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw a colour of cloth or plastic, (3,) linear RGB."""
    value, chroma = rng.uniform(0.03, 0.97), rng.beta(0.8, 1.6)
    hue = rng.uniform(0, 1) * 6 + np.array([0, 4, 2])
    pure = np.clip(np.abs(hue % 6 - 3) - 1, 0, 1)
    return to_linear(value * (1 - chroma + chroma * pure))


def sample_pattern(rng: np.random.Generator, *, probability: float = 0.5) -> np.ndarray:
    """Draw a small tile that multiplies the colour of a cloth: plain, striped, dotted, knitted, ...

    Args:
        rng: The random generator.
        probability: Probability that the tile is not plain.

    Returns:
        (p, p, 3) float32 in [0, 1].
    """
    if rng.random() >= probability:
        return PLAIN_PATTERN
    size = 32
    y, x = np.mgrid[:size, :size]
    period = rng.choice([4, 8, 16])
    kind = rng.choice(["stripes", "bands", "checks", "dots", "noise", "knit"])
    waves = {
        "stripes": x % period < period / 2,
        "bands": y % period < period / 2,
        "checks": (x // (period // 2) + y // (period // 2)) % 2 > 0,
        "dots": (x % period - period / 2) ** 2 + (y % period - period / 2) ** 2 < period**2 / 8,
        "noise": rng.random((size, size)),
        "knit": 0.5 + 0.5 * np.sin((x + np.abs(y % 8 - 4)) * np.pi / 4),
    }
    fraction = waves[kind].astype(float)[..., None] * rng.uniform(0.2, 1)
    return np.asarray(1 - fraction + fraction * any_colour(rng) ** 0.5, np.float32)


def hand_materials(
    texture: Texture, rng: np.random.Generator, *, painted: bool, rubber: float
) -> np.ndarray:
    """Draw the materials of a hand: records for skin, cloth and nails.

    Args:
        texture: The texture, whose mean colours are replaced.
        rng: The random generator.
        painted: Whether the nails may have polish.
        rubber: Probability that a glove is made of rubber.

    Returns:
        (3,) records of `Material`.
    """
    skin = skin_colour(rng)
    materials = (
        skin_material(texture.means[SKIN], skin, rng),
        _glove_material(texture.means[CLOTH], rng, rubber=rng.random() < rubber),
        _nail_material(texture.means[NAIL], skin, rng, polish=painted and rng.random() < 0.3),
    )
    return np.concatenate([material.record() for material in materials])


def skin_material(mean: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> Material:
    """Draw the material of skin with a given colour."""
    reach = rng.uniform(0.05, 0.35)
    return Material(
        mean,
        skin,
        detail=rng.uniform(0.5, 1.15) * (1 - 0.4 * skin.max()),
        chroma=rng.uniform(0.4, 1.0),
        specular=rng.exponential(0.05),
        shininess=rng.uniform(6, 40),
        wrap=(reach, reach * 0.5, reach * 0.35),
        bump=rng.uniform(0.1, 0.8),
    )


def _glove_material(mean: np.ndarray, rng: np.random.Generator, *, rubber: bool) -> Material:
    """Draw the cloth or rubber of a glove."""
    known = _GLOVE_COLOURS[rng.integers(len(_GLOVE_COLOURS))]
    cloth = to_linear(known) if rng.random() < 0.55 else any_colour(rng)
    return Material(
        mean,
        np.clip(cloth * rng.uniform(0.7, 1.2), 0.004, 0.9),
        detail=rng.uniform(0.4, 1.2),
        chroma=rng.uniform(0, 0.3),
        specular=rng.exponential(0.25) if rubber else rng.uniform(0, 0.05),
        shininess=rng.uniform(10, 80),
        bump=rng.uniform(0.2, 1.0),
        pattern=0 if rubber else rng.uniform(1.5, 6),
    )


def _nail_material(
    mean: np.ndarray, skin: np.ndarray, rng: np.random.Generator, *, polish: bool
) -> Material:
    """Draw the material of nails that fit the skin, or have polish."""
    bare = np.clip(skin * (1.12, 1.05, 1.08) + 0.02, 0, 0.9)
    return Material(
        mean,
        any_colour(rng) if polish else bare,
        detail=0.3 if polish else 0.8,
        chroma=0.0 if polish else 0.8,
        specular=rng.exponential(0.2),
        shininess=rng.uniform(20, 90),
    )


def plain_material(rng: np.random.Generator, *, glossy: float = 0.4) -> np.ndarray:
    """Draw the material of a sleeve or object without a texture, (1,) record of `Material`.

    Args:
        rng: The random generator.
        glossy: Probability of a strong highlight.
    """
    gloss = rng.random() < glossy
    return Material(
        np.ones(3),
        any_colour(rng),
        specular=rng.exponential(0.4) if gloss else rng.uniform(0, 0.04),
        shininess=rng.uniform(10, 120),
        pattern=rng.uniform(0.5, 3),
    ).record()


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
    """Crop a square from a random photo, (h, h, 3) uint8.

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
        printed: Probability that the surface shows a part of a photo, if there are photos.
        patterned: Probability that any other surface is not plain.
        glossy: Probability of a strong highlight.
    """
    if len(photos) and rng.random() < printed:
        return textured(mesh, sample_photo(rng, photos))
    uneven = textured(mesh, sample_blotches(rng))
    return uneven._replace(
        materials=plain_material(rng, glossy=glossy),
        pattern=sample_pattern(rng, probability=patterned),
    )
