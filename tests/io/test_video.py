import re
import sys
from fractions import Fraction

import numpy as np
import PIL.Image
import pytest

from openpose_keras.core.errors import ImageError, VideoError
from openpose_keras.io.images import write_image
from openpose_keras.io.video import VideoReader, fit_frame, show_video, write_video
from tests.helpers.heic import encode_heic

av = pytest.importorskip("av")
IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 0x4000)


def scene(number, size=(48, 64)):
    """A smooth image that differs from frame to frame, with saturated colours."""
    y, x = np.mgrid[: size[0], : size[1]] / size[1]
    waves = [np.sin(3 * x + 0.1 * number), np.cos(3 * y), np.sin(2 * (x + y) - 0.1 * number)]
    return np.uint8(127.5 * (1 + np.stack(waves, -1)))


def write_clip(path, count=12, size=(48, 64), seconds=None):
    with write_video(path) as add:
        for number in range(count):
            add(scene(number, size), None if seconds is None else seconds[number])
    return path


def matrix(values):
    """A track's display matrix, as it stands in an MP4 file."""
    return b"".join((value << 16 & 0xFFFFFFFF).to_bytes(4, "big") for value in values)


def error_of(source):
    with pytest.raises(VideoError) as caught:
        list(VideoReader(source))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_frames_and_their_times_make_the_round_trip(tmp_path):
    seconds = np.cumsum([0, *[0.04, 0.1, 0.25] * 4])[:12]
    reader = VideoReader(write_clip(tmp_path / "a.mp4", seconds=seconds))
    assert reader.length == 12
    frames = list(reader)
    assert reader.broken == 0
    assert [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.seconds for frame in frames], seconds, atol=2e-5)
    for frame in frames:
        assert np.abs(frame.image.astype(int) - scene(frame.index)).mean() < 4


def test_colours_are_kept(tmp_path):
    image = np.full((32, 32, 3), (210, 30, 60), np.uint8)
    with write_video(tmp_path / "a.mp4") as add:
        add(image)
    [frame] = VideoReader(tmp_path / "a.mp4")
    assert np.abs(frame.image.astype(int) - image).max() <= 4


def test_the_file_plays_in_browsers(tmp_path):
    with write_video(tmp_path / "a.mp4", rate=Fraction(25)) as add:
        add(scene(0, (47, 63)))
        add(scene(1, (47, 63)))
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width) == (48, 64)
        assert stream.average_rate == 25


def test_the_rotation_of_a_file_is_applied(tmp_path):
    data = write_clip(tmp_path / "a.mp4", count=1).read_bytes()
    at = data.rfind(matrix(IDENTITY))  # of the track; the first one is the film's
    for values, turned in (((0, 1, 0, -1, 0), -1), ((-1, 0, 0, 0, -1), 2), ((0, -1, 0, 1, 0), 1)):
        rotated = matrix((*values, 0, 0, 0, 0x4000))
        (tmp_path / "b.mp4").write_bytes(data[:at] + rotated + data[at + len(rotated) :])
        [frame] = VideoReader(tmp_path / "b.mp4")
        assert np.abs(frame.image.astype(int) - np.rot90(scene(0), turned)).mean() < 4


def test_a_file_that_is_cut_in_the_middle_keeps_the_frames_before(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8)
    with write_video(tmp_path / "a.mp4") as add:
        for image in noise:
            add(image)
    data = (tmp_path / "a.mp4").read_bytes()
    whole = list(VideoReader(tmp_path / "a.mp4"))
    (tmp_path / "b.mp4").write_bytes(data[: len(data) // 2])
    frames = list(VideoReader(tmp_path / "b.mp4"))
    assert 3 < len(frames) < 20
    for frame, other in zip(frames[:-4], whole, strict=False):
        np.testing.assert_array_equal(frame.image, other.image)
        assert frame.seconds == pytest.approx(other.seconds)


def test_a_folder_of_images_of_several_sizes_is_told_once(tmp_path):
    for index, width in enumerate((30, 30, 40, 50)):
        write_image(tmp_path / f"{index}.png", np.zeros((20, width, 3), np.uint8))
    with pytest.warns(UserWarning, match="images of 30 x 20 and 40 x 20 pixels; are they") as told:
        assert [each.image.shape[1] for each in VideoReader(tmp_path)] == [30, 30, 40, 50]
    assert len(told) == 1


def test_a_folder_of_frames_is_read_in_the_order_of_numbers(tmp_path):
    for number in (10, 2, 1):
        write_image(tmp_path / f"frame_{number}.png", scene(number))
    (tmp_path / "frame_3.png").write_bytes(b"damaged")
    for name in ("notes.txt", "._frame_1.png"):
        (tmp_path / name).touch()
    reader = VideoReader(tmp_path)
    frames = list(reader)
    assert (reader.length, reader.broken, len(frames)) == (4, 1, 3)
    for frame, number in zip(frames, (1, 2, 10), strict=True):
        np.testing.assert_array_equal(frame.image, scene(number))
    assert [frame.seconds for frame in frames] == pytest.approx([0, 1 / 30, 3 / 30])


def test_frames_that_are_not_read_are_told(tmp_path, monkeypatch):
    (tmp_path / "1.heic").write_bytes(encode_heic(scene(1)))
    [frame] = VideoReader(tmp_path)
    np.testing.assert_array_equal(frame.image, scene(1))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    told = "left out: 1 HEIC photo (pip install pillow-heif)"
    assert error_of(tmp_path).endswith(f"got no image; {told}")
    write_image(tmp_path / "2.png", scene(2))
    with pytest.warns(UserWarning, match=re.escape(f"{tmp_path}: {told}")):
        assert VideoReader(tmp_path).length == 1


def test_a_change_of_size_keeps_the_first_one(tmp_path):
    with write_video(tmp_path / "a.mp4") as add:
        add(scene(0))
        add(np.full((128, 64, 3), 200, np.uint8))
        add(scene(2))
    first, second, third = VideoReader(tmp_path / "a.mp4")
    assert first.image.shape == second.image.shape == third.image.shape == (48, 64, 3)
    assert second.image[24, 32].min() > 190  # 24 pixels wide, in the middle
    assert second.image[:, [2, 60]].max() < 20
    assert fit_frame(scene(0), (48, 64)) is not None
    np.testing.assert_array_equal(fit_frame(scene(0), (48, 64)), scene(0))


def test_an_unfinished_video_leaves_nothing(tmp_path):
    def fail():
        with write_video(tmp_path / "a.mp4") as add:
            add(scene(0))
            add("no image")

    with pytest.raises(ImageError, match="expected an RGB image"):
        fail()
    with pytest.raises(VideoError, match="at least one frame"), write_video(tmp_path / "a.mp4"):
        pass
    assert not list(tmp_path.iterdir())
    write_clip(tmp_path / "a.mp4", count=1)
    with pytest.raises(FileExistsError, match="force=True"), write_video(tmp_path / "a.mp4"):
        pass


def test_what_is_no_video_is_refused_in_a_line(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 50)
    (tmp_path / "empty").mkdir()
    write_image(tmp_path / "image.png", scene(0))
    (tmp_path / "image.png").rename(tmp_path / "image.mp4")
    assert "expected a video, such as MP4" in error_of(tmp_path / "a.mp4")
    assert "No such file" in error_of(tmp_path / "none.mp4")
    assert "expected images (.avif" in error_of(tmp_path / "empty")
    assert "`openpose-keras detect" in error_of(tmp_path / "image.mp4")
    assert "`openpose-keras detect" in error_of("photo.jpg")
    PIL.Image.fromarray(scene(0)).save(tmp_path / "pages.pdf")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    for name in ("pages.pdf", "photo.heic"):
        assert "expected a video, got an image: `openpose-keras detect" in error_of(tmp_path / name)
    assert "can't be opened: Connection refused" in error_of("rtsp://127.0.0.1:1/x")
    (tmp_path / "empty" / "a.png").write_bytes(b"")
    assert "expected frames, got 1 damaged ones" in error_of(tmp_path / "empty")


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux([*stream.encode(sound), *stream.encode(None)])
    assert "without moving images" in error_of(tmp_path / "a.wav")


def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4", count=1)
    monkeypatch.setitem(sys.modules, "av", None)
    assert "pip install av" in error_of(path)


def test_a_webcam_gives_frames_in_rgb(monkeypatch):
    class Capture:
        left, released = 2, False

        def __init__(self, number):
            self.number = number

        def isOpened(self):  # noqa: N802 - OpenCV's name
            return self.number == 0

        def get(self, _):
            return 0.0  # the camera does not tell its rate

        def read(self):
            Capture.left -= 1
            return Capture.left >= 0, np.full((4, 6, 3), (1, 2, 3), np.uint8)

        def release(self):
            Capture.released = True

    monkeypatch.setattr("openpose_keras.io.video.cv2.VideoCapture", Capture)
    reader = VideoReader(0)
    frames = list(reader)
    assert (reader.rate, len(frames), Capture.released) == (30, 2, True)
    assert frames[0].image[0, 0].tolist() == [3, 2, 1]
    assert 0 == frames[0].seconds < frames[1].seconds
    assert error_of(3).startswith("webcam 3 can't be opened")


def test_a_window_needs_a_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(VideoError, match="leave out --show"), show_video("title"):
        pass
