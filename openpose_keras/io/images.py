"""From files and arrays to the network's input: read, check, scale, normalise.

Everywhere an image is (H, W, 3) uint8, RGB. Only `read_image` and `write_image` know that OpenCV
works in BGR, and `normalise` can give BGR to networks that want it.
"""

import os
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import ImageError
from openpose_keras.core.files import new_file
from openpose_keras.geometry import Resize
from openpose_keras.io._decoding import decode_image


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a JPEG, PNG, WebP, TIFF or BMP file, and whatever else this OpenCV reads.

    The orientation of EXIF is applied, grey becomes RGB, transparency is put over white, and 16
    bits a channel become 8 by rounding x / 257.

    Args:
        path: The file.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ImageError: There is no such file, it is a folder, it is empty or cut short, or it is no
            picture.
    """
    path = Path(path)
    if path.is_dir():
        raise ImageError(f"{path} is a folder; expected the file of a picture")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"there is no file {path}") from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return decode_image(data)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write an image in the format that the file's name ends with; a file of this name is replaced.

    It is written under a temporary name in the same folder first, so that no half-written file is
    ever seen.

    Args:
        path: The file, for example "hand.png".
        image: (H, W, 3) uint8, RGB.

    Raises:
        ImageError: The array is no image, OpenCV knows no such format, or the file can't be
            written.
    """
    path = Path(path)
    check_image(image)
    data = _encode(path, image)
    try:
        with new_file(path, force=True) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror or error}") from error


def _encode(path: Path, image: np.ndarray) -> bytes:
    """Give the bytes of the file."""
    try:
        encoded, data = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]))
    except cv2.error:
        encoded = False
    if not encoded:
        raise ImageError(
            f"{path} cannot be written as a picture of {image.shape[1]} x {image.shape[0]} pixels: "
            "its name must end in .png, .jpg, .webp, .tiff or .bmp"
        )
    return data.tobytes()


def check_image(image: np.ndarray) -> np.ndarray:
    """Give the image back if it is one, else say how to make it one.

    Args:
        image: (H, W, 3) uint8, RGB. It may be read-only or a view.

    Returns:
        The same array.

    Raises:
        ImageError: It is none.

    Example:
        >>> check_image(np.zeros((480, 640, 3), np.uint8)).shape
        (480, 640, 3)
    """
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        is_path = isinstance(image, str | os.PathLike)
        hint = "read_image(path) reads a file" if is_path else "np.asarray makes an array of it"
        raise ImageError(f"expected an RGB image (H, W, 3) of uint8, not a {kind}: {hint}")
    hint = _shape_hint(image) or _type_hint(image)
    if hint:
        raise ImageError(
            f"expected an RGB image (H, W, 3) of uint8, not {image.shape} of {image.dtype}: {hint}"
        )
    return image


def _shape_hint(image: np.ndarray) -> str:
    """Say how to mend an array's shape; empty if it needs no mending."""
    if image.size == 0:
        return "it is empty"
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return f"np.repeat(image{'[..., None]' if image.ndim == 2 else ''}, 3, 2)"
    if image.ndim == 4:
        return "give one image at a time, batch[0]"
    if image.ndim != 3:
        return "an image has three axes"
    if image.shape[2] == 3:
        return ""
    if image.shape[2] == 4:
        return "drop the alpha channel, image[..., :3]"
    if image.shape[0] == 3:
        return "put the channels last, np.moveaxis(image, 0, -1)"
    return "an image has three channels"


def _type_hint(image: np.ndarray) -> str:
    """Say how to mend an array's type; empty if it needs no mending."""
    if image.dtype == np.uint8:
        return ""
    if image.dtype == np.bool_:
        return "for a mask, image.astype(np.uint8) * 255"
    if image.dtype == np.uint16:
        return "for 16 bits, np.round(image / 257).astype(np.uint8)"
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        return "it holds NaN or infinite values; an image has whole numbers of 0 to 255"
    if image.dtype.kind == "f" and image.min() >= 0 and image.max() <= 1:
        return "for values of 0 to 1, np.round(image * 255).astype(np.uint8)"
    return "for values of 0 to 255, np.round(image).astype(np.uint8)"


def scale_to_width(
    image: np.ndarray, width: int = 368, interpolation: str = "linear"
) -> np.ndarray:
    """Bring an image to a width and keep its aspect, as the recipe `seed` does.

    Args:
        image: (H, W, 3) uint8, RGB.
        width: In pixels.
        interpolation: "linear", "cubic", "nearest" or "area".

    Returns:
        (round(H * width / W), width, 3) uint8. `Resize.to_width` is this step with its inverse.

    Raises:
        ImageError: The array is no image.
        ValueError: The width is no positive whole number, or the interpolation has no such name.
    """
    size = check_image(image).shape[:2]
    return Resize.to_width(size, width, interpolation).apply_image(image)
