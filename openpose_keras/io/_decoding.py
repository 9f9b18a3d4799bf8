"""From the bytes of a picture's file to an RGB array.

OpenCV applies the orientation of EXIF itself only in the modes that drop the alpha channel, and
decodes a file that was cut short into a half-grey picture. So both are read from the file's own
structure here.
"""

import re
import struct
from collections.abc import Iterator

import numpy as np

from openpose_keras.core._opencv import cv2, quiet_opencv
from openpose_keras.core.errors import ImageError

JPEG, PNG, BMP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM"
TIFF = (b"II*\0", b"MM\0*")
# A marker that has a body, and the body's length; 0xFF before a marker only fills.
JPEG_SEGMENT = re.compile(rb"\xff[^\x00\x01\xd0-\xd9\xff](..)", re.DOTALL)
ORIENTATION_TAG = 0x0112


def decode_image(data: bytes) -> np.ndarray:
    """Give the picture that the bytes of a file hold.

    Args:
        data: The whole file.

    Returns:
        (H, W, 3) uint8, RGB, upright by its EXIF orientation.

    Raises:
        ImageError: The bytes are empty, cut short or no picture.
    """
    if not data:
        raise ImageError("the file is empty")
    if _is_cut_short(data):
        raise ImageError("the file is cut short: it ends before the picture does")
    try:
        with quiet_opencv():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode it: {error.err}") from error
    if pixels is None:
        raise ImageError("it is damaged, or no picture that OpenCV reads (JPEG, PNG, TIFF, ...)")
    return np.ascontiguousarray(orient(_to_rgb(_to_8_bits(pixels)), exif_orientation(data)))


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Give 8 bits a channel; 16 become 8 by rounding x / 257."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise ImageError(f"it holds {pixels.dtype} pixels; expected 8 or 16 bits a channel")


def _to_rgb(pixels: np.ndarray) -> np.ndarray:
    """Give RGB from grey, BGR or BGRA; transparency is put over white."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    rgb, alpha = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), pixels[..., 3:].astype(np.uint16)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def orient(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and flip a picture upright.

    Args:
        image: (H, W, ...).
        orientation: EXIF's number: 1 is upright, 2 mirrored, 3 turned by 180 degrees, 4 upside
            down, 5 to 8 the same with rows and columns exchanged.

    Returns:
        A view of the image; (W, H, ...) for 5 to 8.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def exif_orientation(data: bytes) -> int:
    """Read the orientation from the EXIF data of a JPEG, PNG or WebP file.

    Args:
        data: The whole file.

    Returns:
        1 to 8; 1 when there is none or it makes no sense. A TIFF file counts as upright: OpenCV
        turns it itself.
    """
    if data.startswith(JPEG):
        exif = next((body for _, body in _jpeg_segments(data) if body.startswith(b"Exif\0\0")), b"")
    elif data.startswith(PNG):
        exif = dict(_png_chunks(data)).get(b"eXIf", b"")
    elif data[8:12] == b"WEBP":
        exif = dict(_riff_chunks(data)).get(b"EXIF", b"")
    else:
        return 1
    return _tiff_orientation(exif.removeprefix(b"Exif\0\0"))


def _tiff_orientation(tiff: bytes) -> int:
    """Read the orientation from the first folder of a TIFF file; 1 if there is none."""
    order = {TIFF[0]: "<", TIFF[1]: ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (folder,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, folder)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, folder + 2 + 12 * entry)
            if tag == ORIENTATION_TAG and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # a damaged EXIF block is no reason to refuse the picture
    return 1


def _is_cut_short(data: bytes) -> bool:
    """Say whether the file ends before its format says so; False for formats not known here."""
    if data.startswith(JPEG):
        *_, (marker, scan) = [(0, b""), *_jpeg_segments(data)]
        return marker != 0xDA or b"\xff\xd9" not in scan
    if data.startswith(PNG):
        return not any(kind == b"IEND" for kind, _ in _png_chunks(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) - 8 < struct.unpack_from("<I", data, 4)[0]
    return data.startswith(BMP) and _is_bmp_cut_short(data)


def _is_bmp_cut_short(data: bytes) -> bool:
    """Say whether an uncompressed BMP file lacks pixels."""
    if len(data) < 54:
        return True
    start, header, width, height, _, depth, packing = struct.unpack_from("<IIiiHHI", data, 10)
    if header < 40 or packing not in (0, 3):
        return False
    return len(data) < start + (abs(width) * depth + 31) // 32 * 4 * abs(height)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the segments (marker, body) of a JPEG file; the first scan's holds all that follows.

    Bytes between segments that begin none are skipped, as decoders do.
    """
    place = 2
    while found := JPEG_SEGMENT.search(data, place):
        marker, length = data[found.start() + 1], int.from_bytes(found[1], "big")
        end = len(data) if marker == 0xDA else found.start() + 2 + length
        yield marker, data[found.end() : end]
        place = max(end, found.end())


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the complete chunks (kind, body) of a PNG file."""
    place = len(PNG)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the chunks (kind, body) of a WebP file."""
    place = 12
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        yield data[place : place + 4], data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
