"""HEIC photos, as iPhones take them: the EXIF data states a rotation, and so does the container."""

import io

import numpy as np
import PIL.Image
import pytest


def encode_heic(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """Return the bytes of a HEIC file without loss; skip the test where pillow-heif is missing.

    Args:
        pixels: (h, w), (h, w, 3) or (h, w, 4) uint8, as they are stored, not upright.
        orientation: That of EXIF.
    """
    reason = "pillow-heif is not installed: pip install '.[test]'"
    pillow_heif = pytest.importorskip("pillow_heif", reason=reason)
    exif, file = PIL.Image.Exif(), io.BytesIO()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    image = pillow_heif.from_pillow(PIL.Image.fromarray(pixels))
    image.save(file, quality=-1, chroma=444, matrix_coefficients=0, exif=exif.tobytes())
    return file.getvalue()
