"""Read frames from a file, a stream, a webcam or a folder, and write H.264 in MP4 files.

    with write_video("out.mp4") as add:
        for frame in VideoReader("in.mp4"):
            add(frame.image, frame.seconds)

PyAV (the extra `[video]`) decodes and encodes. OpenCV reads webcams. Frames are read one at a time,
so that a long video needs no more memory than a short one.
"""

import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import ImageError, VideoError
from openpose_keras.core.files import HEIC_SUFFIXES, PHOTO_SUFFIXES, atomic_write, require_photos
from openpose_keras.io.images import Pixels, check_image, image_size, is_heic, read_image

Source = str | os.PathLike[str] | int

_RATE = Fraction(30)  # frames a second where nobody tells it
_CLOCK = 90_000  # ticks a second of the files that are written
_TIMEOUTS = (10.0, 30.0)  # seconds until a stream has opened, and until its next frame
_BT709 = 1  # how colours are stored, in the numbers of ITU-T H.273
_QUALITY = {"crf": "20", "preset": "veryfast"}


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame of a video.

    Args:
        image: (H, W, 3) uint8 RGB.
        index: The number of the frame among those that were read, from 0.
        seconds: The time since the first frame.
    """

    image: Pixels
    index: int
    seconds: float


class VideoReader:
    """Reads the frames of a video once.

    The rotation stored in a file is applied. Damaged frames are left out and counted in `broken`.
    Each frame has the time stored in the file, even if the frame rate varies, and its own size if
    the size changes.

    Args:
        source: A file, the URL of a stream such as "rtsp://...", the number of a webcam, or a
            folder of images, which are sorted by name, with numbers in numerical order.

    Raises:
        VideoError: The source can't be opened or is not a video, or PyAV is missing.
    """

    def __init__(self, source: Source) -> None:
        """Open the source."""
        self.source = source
        self.rate = _RATE
        """The average number of frames per second."""
        self.length: int | None = None
        """The number of frames, if it is known in advance."""
        self.broken = 0
        """The number of frames left out so far."""
        if isinstance(source, int):
            self._images = self._open_webcam(source)
        elif Path(source).is_dir():
            self._images = self._open_folder(Path(source))
        else:
            self._images = self._open_file(os.fspath(source))

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames, and close the source at the end.

        Raises:
            VideoError: There is no frame.
        """
        with closing(self._images):  # type: ignore[type-var] # a generator has close()
            index, start, last = -1, 0.0, 0.0
            for index, (image, told) in enumerate(self._images):
                start = told or 0.0 if index == 0 else start
                seconds = last + 1 / float(self.rate) if told is None else told - start
                # Times of damaged files may go back; written ones must not.
                last = 0.0 if index == 0 else max(seconds, last + 1 / _CLOCK)
                yield VideoFrame(image, index, last)
        if index < 0:
            damaged = f"{self.broken} damaged ones" if self.broken else "none"
            raise VideoError(
                f"{self.source}: expected frames, got {damaged}: play the video to see whether it "
                "is whole"
            )

    def _open_webcam(self, number: int) -> Iterator[tuple[Pixels, float | None]]:
        """Open a webcam."""
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(0)  # the error below says it in a line
        try:
            capture = cv2.VideoCapture(number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not capture.isOpened():
            raise VideoError(
                f"webcam {number} can't be opened: try another number, and close programs that use "
                "it"
            )
        self.rate = Fraction(capture.get(cv2.CAP_PROP_FPS) or _RATE).limit_denominator(1000)
        return _webcam_images(capture)

    def _open_folder(self, folder: Path) -> Iterator[tuple[Pixels, float | None]]:
        """List the images of a folder."""
        paths = sorted(require_photos(folder, folder.iterdir(), VideoError), key=_by_numbers)
        self.length = len(paths)
        return self._folder_images(paths)

    def _folder_images(self, paths: list[Path]) -> Iterator[tuple[Pixels, float | None]]:
        """Yield the images of files with their times; a damaged file advances the time too."""
        first, told = None, False
        for index, path in enumerate(paths):
            try:
                image = read_image(path)
            except ImageError:
                self.broken += 1
                continue
            first = first or image.shape
            if image.shape != first and not told:
                told = True
                sizes = " and ".join(f"{shape[1]} x {shape[0]}" for shape in (first, image.shape))
                warnings.warn(
                    f"{path.parent}: images of {sizes} pixels; are they frames of one video? "
                    "`openpose-keras detect` finds people in photos",
                    stacklevel=2,
                )
            yield image, index / float(self.rate)

    def _open_file(self, source: str) -> Iterator[tuple[Pixels, float | None]]:
        """Open a file or a stream."""
        av = _import_av()
        suffix = Path(source).suffix.lower()
        photo_suffixes = {*PHOTO_SUFFIXES, *HEIC_SUFFIXES} - {".gif"}
        if suffix in photo_suffixes or _is_still(source):
            raise _photo_error(source)
        is_stream = "://" in source
        try:
            container = av.open(source, timeout=_TIMEOUTS if is_stream else None)
        except (av.error.FFmpegError, OSError) as error:
            if is_stream or not Path(source).exists():
                reason = getattr(error, "strerror", None) or error
                raise VideoError(f"{source} can't be opened: {reason}") from error
            raise VideoError(
                f"{source}: expected a video, such as MP4, MOV, AVI, MKV or WebM, got another or a "
                "damaged file"
            ) from error
        cover = av.stream.Disposition.attached_pic  # the image of a piece of music
        streams = [each for each in container.streams.video if not each.disposition & cover]
        is_photo = container.format.name == "image2" or container.format.name.endswith("_pipe")
        if is_photo or not streams:
            container.close()
            if is_photo:
                raise _photo_error(source)
            raise VideoError(f"{source}: expected a video, got a file without moving images")
        stream = streams[0]
        stream.thread_type = "AUTO"
        self.rate = stream.average_rate or stream.guessed_rate or _RATE
        self.length = stream.frames or None
        return self._file_images(container, stream)

    def _file_images(
        self,
        container: Any,  # noqa: ANN401 - PyAV's
        stream: Any,  # noqa: ANN401 - PyAV's
    ) -> Iterator[tuple[Pixels, float | None]]:
        """Yield the images and times of a stream."""
        with container:
            for frame in self._decoded(container, stream):
                if frame.is_corrupt:
                    self.broken += 1
                    continue
                image = frame.to_ndarray(format="rgb24")
                quarters = round(frame.rotation / 90) % 4  # anticlockwise
                yield np.ascontiguousarray(np.rot90(image, quarters)), frame.time

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - PyAV's
        """Yield the frames that can be decoded."""
        error = _import_av().error.FFmpegError
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except error:  # the file ends too early, or the connection
                self.broken += 1
                packet = None
            try:
                yield from stream.decode(packet)  # without a packet, the frames that it kept
            except EOFError:  # there are no more
                pass
            except error:
                self.broken += 1
            if packet is None:
                return


def _webcam_images(capture: "cv2.VideoCapture") -> Iterator[tuple[Pixels, float | None]]:
    """Yield the images of a webcam and the times at which they arrived."""
    try:
        while True:
            there, image = capture.read()
            if not there:
                return
            yield np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1]), time.monotonic()
    finally:
        capture.release()


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts "frame_2" before "frame_10"."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _is_still(source: str) -> bool:
    """Return whether a file is a PDF or HEIC photo, whose images PyAV takes for a video."""
    try:
        with Path(source).open("rb") as file:
            start = file.read(64)
    except OSError:  # a stream
        return False
    return start.startswith(b"%PDF") or start[4:12] == b"ftypmif1" or is_heic(start)


def _photo_error(source: str) -> VideoError:
    """Return the error for an image, or a file named like one, that was given as a video."""
    is_named_so = Path(source).is_file() and Path(source).suffix.lower() in PHOTO_SUFFIXES
    if is_named_so and image_size(source) is None:
        return VideoError(f"{source}: expected a video, got a damaged image or another file")
    return VideoError(
        f"{source}: expected a video, got an image: `openpose-keras detect {source}` finds people "
        "in images"
    )


def _import_av() -> Any:  # noqa: ANN401 - PyAV
    """Import PyAV."""
    try:
        import av
        import av.error
    except ImportError as error:
        raise VideoError(
            f"video needs PyAV, which can't be imported ({error}): pip install av"
        ) from error
    return av


class AddFrame(Protocol):
    """A function that adds a frame to a video that is being written."""

    def __call__(self, image: np.ndarray, seconds: float | None = None) -> None:
        """Add an image (H, W, 3) uint8 RGB, shown from `seconds` on, or a frame after the last."""


@contextmanager
def write_video(
    path: str | os.PathLike[str],
    *,
    rate: float | Fraction = _RATE,
    comment: str = "",
    force: bool = False,
) -> Iterator[AddFrame]:
    """Write an MP4 file that plays in browsers: H.264, yuv420p, with the index at the start.

    Args:
        path: The file. It is saved with all added frames when the `with` block ends without an
            error.
        rate: Frames per second, for frames that are added without a time.
        comment: A comment to store in the file, for `read_comment`.
        force: Whether to replace an existing file.

    Yields:
        A function that adds a frame. The first frame determines the size of the video, with an even
        number of pixels along both sides. Other frames are scaled to fit into it, on a black
        background.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        VideoError: No frame was added, or PyAV is missing.
    """
    av = _import_av()
    options = {"movflags": "+faststart"}
    with atomic_write(path, force=force) as temporary:
        with av.open(os.fspath(temporary), "w", format="mp4", options=options) as container:
            container.metadata["comment"] = comment
            encoder = _Encoder(container, Fraction(rate).limit_denominator(_CLOCK))
            yield encoder
            encoder.finish()
        if encoder.ticks < 0:
            raise VideoError(f"{path}: expected at least one frame to write, got none")


def read_comment(path: str | os.PathLike[str]) -> str:
    """Return the comment of a video file; "" if it has no comment or is not a video.

    Args:
        path: The file.
    """
    av = _import_av()
    try:
        with av.open(os.fspath(path)) as container:
            return str(container.metadata.get("comment", ""))
    except (OSError, ValueError):  # PyAV's errors are one or the other
        return ""


class _Encoder:
    """Encodes frames into an open file."""

    def __init__(self, container: Any, rate: Fraction) -> None:  # noqa: ANN401 - PyAV's
        """Store the open file; the stream is added when the size is known."""
        self.container, self.rate = container, rate
        self.stream: Any = None
        self.ticks = -1  # of the last frame

    def __call__(self, image: np.ndarray, seconds: float | None = None) -> None:
        """Add a frame."""
        image = check_image(image)
        if self.stream is None:
            self.stream = self._add_stream(*image.shape[:2])
        step = round(_CLOCK / self.rate) if self.ticks >= 0 else 1
        ticks = self.ticks + step if seconds is None else round(seconds * _CLOCK)
        self.ticks = max(ticks, self.ticks + 1)
        fitted = fit_frame(image, (self.stream.height, self.stream.width))
        frame = _import_av().VideoFrame.from_ndarray(fitted, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = self.ticks, Fraction(1, _CLOCK)
        self.container.mux(self.stream.encode(frame))

    def finish(self) -> None:
        """Write the frames that remain in the encoder."""
        if self.stream is not None:
            self.container.mux(self.stream.encode())

    def _add_stream(self, height: int, width: int) -> Any:  # noqa: ANN401 - PyAV's
        """Add a stream of a size, rounded up to even numbers, and return it."""
        stream = self.container.add_stream("libx264", rate=self.rate, options=_QUALITY)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _CLOCK)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # 16 to 235, as players expect
        return stream


def fit_frame(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Fit an image to a size: pad it if at most one pixel is missing, otherwise scale it.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: (height, width) of the result.

    Returns:
        The whole image with its aspect ratio kept, centred on black; or the image with its edge
        repeated.

    Example:
        >>> fit_frame(np.full((10, 10, 3), 9, np.uint8), (20, 40))[0, ::10, 0].tolist()
        [0, 9, 9, 0]
    """
    height, width = size
    lacking = height - image.shape[0], width - image.shape[1]
    if lacking == (0, 0):
        return image
    if set(lacking) <= {0, 1}:
        return np.pad(image, ((0, lacking[0]), (0, lacking[1]), (0, 0)), "edge")
    factor = min(height / image.shape[0], width / image.shape[1])
    fitted = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    inside = cv2.resize(
        image, fitted, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - fitted[1]) // 2, (width - fitted[0]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0]] = inside
    return canvas


@contextmanager
def show_video(title: str) -> Iterator[Callable[[Pixels], bool]]:
    """Open a window for the frames of a video.

    Args:
        title: The title of the window.

    Yields:
        A function that shows an image (H, W, 3) uint8 RGB, and returns whether to continue: False
        after the key Q or Escape.

    Raises:
        VideoError: There is no display, or OpenCV was built without windows.
    """
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        raise VideoError("a window needs a display, and there is none here: leave out --show")
    try:
        cv2.namedWindow(title, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise VideoError(
            "this OpenCV has no windows: leave out --show, or pip install opencv-python instead of "
            "opencv-python-headless"
        ) from error

    def show(image: Pixels) -> bool:
        """Show one frame."""
        cv2.imshow(title, np.ascontiguousarray(image[..., ::-1]))
        return cv2.waitKey(1) & 0xFF not in (27, ord("q"))

    try:
        yield show
    finally:
        cv2.destroyWindow(title)
