"""Read, write and check images, which are (H, W, 3) uint8 RGB everywhere.

Pillow reads images and applies the EXIF orientation. OpenCV writes them, and reads colour images
with 16 bits per channel, which Pillow reduces to 8. OpenCV's BGR order is handled only in `io`.
"""

import io
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps
from numpy.typing import NDArray

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import ImageError
from openpose_keras.core.files import VIDEO_SUFFIXES, atomic_write
from openpose_keras.core.keypoints import Keypoints, Person
from openpose_keras.geometry import Resize

Pixels = NDArray[np.uint8]
ImageLike = NDArray[np.generic] | str | os.PathLike[str] | PIL.Image.Image
"""What `as_image` accepts, in addition to tensors."""

# Not all that Pillow opens: some of its formats start other programs, such as Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "TIFF")
_HEIC = re.compile(rb".{4}ftyp(.{4})*?(hei[cmsx]|hev[cmsx])", re.DOTALL)  # one of its brands
ORIENTATION = PIL.ExifTags.Base.Orientation
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
_TYPE_HINTS = {
    "uint8": "",
    "uint16": "for 16 bits, np.round(image / 257).astype(np.uint8)",
    "bool": "for a mask, image.astype(np.uint8) * 255",
    "fraction": "for values of 0 to 1, np.round(image * 255).astype(np.uint8)",
}


def read_image(path: str | os.PathLike[str]) -> Pixels:
    """Read an image file: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000 or PPM.

    HEIC, the format of iPhone photos, is read if pillow-heif is installed (extra `[heic]`).

    Args:
        path: The file.

    Returns:
        (H, W, 3) uint8, RGB, as in `decode_image`. For an animation or a TIFF file with several
        pages, the first image is returned, with a warning.

    Raises:
        ImageError: The file does not exist, is a folder, is empty, damaged or cut short, or is not
            an image; or the path is a URL.
        TypeError: The argument is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        kind = type(path).__name__
        raise TypeError(f"expected a path, got a {kind}: `as_image` takes images and arrays")
    refuse_address(path)
    try:
        data = Path(path).read_bytes()
        image = decode_image(data)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ImageError as error:
        if Path(path).suffix.lower() in VIDEO_SUFFIXES:
            raise ImageError(
                f"{path}: expected an image, got a video: openpose_keras.video.process, or "
                f"`openpose-keras video {path}`, finds people in videos"
            ) from error
        raise ImageError(f"{path}: {error}") from error
    if not data.startswith(JPEG_START) and _has_more(data):  # most photos are not opened again
        warnings.warn(f"{path}: the first of its images is read, and no other one", stacklevel=2)
    return image


def _has_more(data: bytes) -> bool:
    """Return whether a file is an animation or has several pages."""
    with (
        warnings.catch_warnings(action="ignore"),
        PIL.Image.open(io.BytesIO(data), formats=_formats(data)) as file,
    ):
        return file.format in _ANIMATED and getattr(file, "is_animated", False)


def refuse_address(path: str | os.PathLike[str]) -> None:
    """Raise ImageError for a URL, which would be taken for a file that does not exist."""
    if "://" in os.fspath(path):
        raise ImageError(f"expected a file, got an address: download {path} first")


def image_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return the width and height of an image file without decoding its pixels.

    Args:
        path: The file.

    Returns:
        Width and height in pixels, before the EXIF orientation is applied. None if the file is not
        an image of a known format.
    """
    try:
        with Path(path).open("rb") as file:
            formats = _formats(file.read(64))
            file.seek(0)
            with PIL.Image.open(file, formats=formats) as image:
                return image.size
    except (OSError, ValueError, ImageError):
        return None


def decode_image(data: bytes) -> Pixels:
    """Decode the content of an image file.

    The orientation in the EXIF data is applied. Grey images become RGB, transparent pixels are
    blended with white, and 16 bits per channel become 8 by rounding x / 257.

    Args:
        data: The content of the whole file.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ImageError: The bytes are empty, damaged, cut short or not an image.
    """
    if not data:
        raise ImageError("the file is empty")
    try:
        return _decode(data)
    except ImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        got = f"another or a damaged file of {len(data)} bytes"
        raise ImageError(f"expected {', '.join(FORMATS)}, got {got}") from error
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        whole = _decode_without_end(data) if data.startswith(JPEG_START) else None
        if whole is None:
            reason = str(error).partition(" (")[0]  # the bytes that Pillow counts help nobody
            raise ImageError(f"the image may be damaged or cut short: {reason}") from error
        return whole


def _decode(data: bytes) -> Pixels:
    """Decode to RGB; Pillow's errors are passed on."""
    with (
        warnings.catch_warnings(action="ignore"),  # of damaged EXIF data, of large images
        PIL.Image.open(io.BytesIO(data), formats=_formats(data)) as file,
    ):
        is_deep = _is_deep_colour(file)
        file.load()
        return _to_rgb(_deep_colour(data, file) if is_deep else file)


def is_heic(start: bytes) -> bool:
    """Return whether a file is a HEIC photo, by its first 64 bytes."""
    return _HEIC.match(start[:64]) is not None


def _formats(data: bytes) -> tuple[str, ...]:
    """Return the formats that Pillow may try; pillow-heif adds HEIC, already upright."""
    if not is_heic(data):
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            f"HEIC needs pillow-heif, which can't be imported ({error}): pip install pillow-heif, "
            "or save it as JPEG first"
        ) from error
    register_heif_opener()
    return ("HEIF",)


def _to_rgb(file: PIL.Image.Image) -> Pixels:
    """Return the upright 8-bit RGB pixels of a Pillow image, blended with white if transparent."""
    image = PIL.ImageOps.exif_transpose(file)
    if image.mode == "F" or image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.dtype.kind == "f" or grey.min() < 0 or grey.max() > 0xFFFF:
            raise ImageError(f"expected 8 or 16 bits a channel, got {grey.dtype} pixels")
        return np.repeat(_to_8_bits(grey)[..., None], 3, axis=2)
    if image.has_transparency_data:
        white = PIL.Image.new("RGBA", image.size, "white")
        image = PIL.Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _is_deep_colour(file: PIL.ImageFile.ImageFile) -> bool:
    """Return whether an image that is not yet loaded has several channels of 16 bits."""
    if file.format not in ("PNG", "TIFF") or len(file.getbands()) == 1:
        return False
    return any(";16" in str(part.args).split(",")[0] for part in file.tile)


def _deep_colour(data: bytes, file: PIL.Image.Image) -> PIL.Image.Image:
    """Decode a colour image with 16 bits per channel with OpenCV.

    OpenCV applies the orientation of TIFF files itself, as Pillow does when it loads them. For
    other formats the caller has to apply the orientation of the file to the returned image.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ImageError("OpenCV cannot decode colour of 16 bits a channel here: save it with 8")
    image = PIL.Image.fromarray(_to_8_bits(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]))
    image.getexif()[ORIENTATION] = file.getexif().get(ORIENTATION, 1)
    return image


def _decode_without_end(data: bytes) -> Pixels | None:
    """Decode a JPEG that lacks only its end marker; return None if pixels are missing too.

    Missing pixels depend on the bytes that are appended; pixels that the file holds do not.
    """
    data = data.rstrip(b"\xff")
    try:
        image, other = (_decode(data + added + JPEG_END) for added in (b"", b"\x5a" * 64))
    except Exception:
        return None
    return image if np.array_equal(image, other) else None


def _to_8_bits(pixels: NDArray[np.generic]) -> Pixels:
    """Convert 16 bits to 8 by rounding x / 257."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write_image(path: str | os.PathLike[str], image: NDArray[np.generic]) -> None:
    """Write an image in the format given by the file's suffix.

    The file is written completely or not at all. An existing file is replaced.

    Args:
        path: The file, for example "hand.png".
        image: (H, W, 3) uint8, RGB.

    Raises:
        ImageError: The array is not an image, the suffix is unknown, or the file can't be written.
        TypeError: The first argument is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"expected a path, got {type(path).__name__}: the path comes first, (path, image)"
        )
    path, pixels = Path(path), check_image(image)
    try:
        encoded, data = cv2.imencode(path.suffix, np.ascontiguousarray(pixels[..., ::-1]))
    except cv2.error:
        encoded = False
    if not encoded:
        size = f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
        mend = "its name must end in .png, .jpg, .webp, .tiff or .bmp"
        raise ImageError(f"{path} cannot be written as an image of {size}: {mend}")
    try:
        with atomic_write(path, force=True) as temporary:
            temporary.write_bytes(data.tobytes())
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {error.strerror or error}") from error


def as_image(image: ImageLike, *, bgr: bool = False) -> Pixels:
    """Convert an image in any supported form to an RGB array, as estimators and drawing need.

    Args:
        image: (H, W, 3) uint8 RGB, which is returned unchanged; the path of a file; a Pillow image,
            whose EXIF orientation is applied; or a uint8 array or tensor of any library. (H, W) and
            (H, W, 1) are grey. The fourth channel of (H, W, 4) is opacity, blended with white.
        bgr: Whether the channels of an array or tensor are in the order blue, green, red, as OpenCV
            reads files and frames. The order cannot be detected from the values. It must not be set
            for files and Pillow images, whose order is known.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ImageError: The image has none of these forms, or the file cannot be read.

    Example:
        >>> as_image(np.full((2, 2), 7, np.uint8))[0, 0].tolist()
        [7, 7, 7]
    """
    if bgr:
        if isinstance(image, str | os.PathLike | PIL.Image.Image):
            raise ImageError("expected an array of BGR, got a file or Pillow image: drop bgr=True")
        return as_image(image)[..., ::-1]
    if isinstance(image, str | os.PathLike):
        return read_image(image)
    if isinstance(image, PIL.Image.Image):
        return _to_rgb(image)
    array = image if isinstance(image, np.ndarray) else _from_tensor(image)
    if array.dtype == np.uint8 and array.size:
        if array.ndim == 2 or array.shape[2:] == (1,):
            return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
        if array.shape[2:] == (4,):
            return _to_rgb(PIL.Image.fromarray(np.ascontiguousarray(array), "RGBA"))
    return check_image(array)


def _from_tensor(image: object) -> NDArray[np.generic]:
    """Convert a tensor to an array; a tensor on a GPU is copied to the host."""
    if image is None:
        raise ImageError(
            "expected an image, got None: cv2.imread returns it for a file that it cannot read; "
            "read_image says why"
        )
    first = image[0] if isinstance(image, list | tuple) and image else image
    if isinstance(first, Keypoints | Person):
        got = f"a {type(first).__name__}" if first is image else "a list of people"
        raise ImageError(f"expected an image, got {got}: the image comes first, (image, people)")
    if isinstance(image, list | tuple | Iterator):
        raise ImageError(
            f"expected one image, got a {type(image).__name__}: estimator.map(images) takes "
            "several; of one that is a list of numbers take np.asarray(image)"
        )
    if hasattr(image, "detach"):  # PyTorch's, before it can become an array
        image = image.detach().cpu()
    return np.asarray(image) if hasattr(image, "__array__") else check_image(image)


def check_image(image: object) -> Pixels:
    """Return an image unchanged, or raise an error that states how to convert the array.

    Args:
        image: (H, W, 3) uint8, RGB. It may be read-only or a view.

    Returns:
        The same array.

    Raises:
        ImageError: The array is not a uint8 RGB image.

    Example:
        >>> check_image(np.zeros((480, 640, 3), np.uint8)).shape
        (480, 640, 3)
    """
    if isinstance(image, np.ndarray):
        hint, got = _hint(image), f"{image.shape} of {image.dtype}"
        if not hint:
            return image
    else:
        is_path = isinstance(image, str | os.PathLike)
        hint = "read_image(path) reads a file" if is_path else "as_image makes one of it"
        got = f"a {type(image).__name__}"
    raise ImageError(f"expected an RGB image (H, W, 3) of uint8, got {got}: {hint}")


def _hint(image: NDArray[np.generic]) -> str:
    """Return a hint on how to convert an array; empty if it is an image."""
    match image.shape:
        case shape if 0 in shape:
            return "it is empty"
        case (_, _, 3):
            if image.dtype.kind == "f" and not np.isfinite(image).all():
                return "it holds NaN or infinity"
            is_fraction = image.dtype.kind == "f" and image.min() >= 0 and image.max() <= 1
            kind = "fraction" if is_fraction else image.dtype.name
            return _TYPE_HINTS.get(kind, "np.round(image).astype(np.uint8) of values of 0 to 255")
        case (_, _) | (_, _, 1):
            return "np.dstack([image] * 3)"
        case (_, _, 4):
            return "drop the alpha channel, image[..., :3]"
        case (3, _, _):
            return "put the channels last, np.moveaxis(image, 0, -1)"
        case (_, _, _, _):
            return "estimator.map(batch) takes several; pass one image at a time, batch[0]"
    return "an image has three axes, and three channels in the last"


def scale_to_width(image: Pixels, width: int = 368, interpolation: str = "linear") -> Pixels:
    """Scale an image to a width and keep its aspect ratio, as the recipe `mmittek` does.

    Args:
        image: (H, W, 3) uint8, RGB.
        width: The new width in pixels.
        interpolation: "linear", "cubic", "nearest" or "area".

    Returns:
        (round(H * width / W), width, 3) uint8. `Resize.to_width` offers the same step with its
        inverse.

    Raises:
        ImageError: The array is not an image.
        ValueError: The width is not a positive integer, or the interpolation is unknown.
    """
    size = check_image(image).shape[:2]
    return Resize.to_width(size, width, interpolation).apply_image(image)
