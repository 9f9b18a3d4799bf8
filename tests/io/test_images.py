import os
import struct
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry import Resize
from openpose_keras.io.images import (
    check_image,
    read_image,
    scale_to_width,
    write_image,
)
from openpose_keras.networks.preprocessing import normalise

LOSSLESS = [".png", ".webp", ".tiff", ".bmp"]
LOSSY = [".jpg"]
HEIGHT, WIDTH = 24, 40


def picture():
    """Four areas of different colours, so that every turn and every flip differs."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image[:12, :20] = 200, 60, 60
    image[12:, :20] = 60, 180, 60
    image[:12, 20:] = 60, 60, 220
    return image


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def encode(suffix, pixels, *options):
    """The bytes of a file of BGR, BGRA or grey pixels."""
    encoded, data = cv2.imencode(suffix, pixels, options)
    assert encoded
    return data.tobytes()


def webp_lossless(pixels):
    return encode(".webp", pixels, cv2.IMWRITE_WEBP_QUALITY, 101)


def read_bytes(folder, data, name="picture"):
    path = folder / name
    path.write_bytes(data)
    return read_image(path)


def exif(orientation, order="<", count=2, kind=3):
    """A TIFF header with one folder: a tag that does not matter, then the orientation."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    entries = struct.pack(f"{order}HHIHH", 0x0100, 3, 1, 7, 0)
    entries += struct.pack(f"{order}HHIHH", 0x0112, kind, 1, orientation, 0)
    return head + struct.pack(f"{order}H", count) + entries + bytes(4)


def jpeg_with_exif(data, block):
    body = b"Exif\0\0" + block
    jfif = b"\xff\xe0" + struct.pack(">H", 4) + b"JF"
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return data[:2] + jfif + b"\xff" + segment + data[2:]  # with a fill byte between segments


def png_with_exif(data, block):
    chunk = b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + chunk + data[33:]  # after the signature and IHDR


def webp_with_exif(data, block):
    size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    body = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size + data[12:]
    body += b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def tiff(pixels, orientation):
    """An uncompressed TIFF file of (h, w, 1, 3 or 4) pixels, 8 or 16 bits."""
    height, width, channels = pixels.shape
    bits, data = 8 * pixels.itemsize, pixels.tobytes()
    model, extra = (1 if channels == 1 else 2), int(channels == 4)
    count = 10 + extra
    after = 8 + 2 + 12 * count + 4
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [
        (258, 3, channels, after if channels > 2 else bits),
        (259, 3, 1, 1),
        (262, 3, 1, model),
    ]
    tags += [(273, 4, 1, after + 2 * channels), (274, 3, 1, orientation), (277, 3, 1, channels)]
    tags += [(278, 4, 1, height), (279, 4, 1, len(data))] + [(338, 3, 1, 2)] * extra
    folder = struct.pack("<H", count) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    depths = struct.pack(f"<{channels}H", *[bits] * channels)
    return b"II*\0" + struct.pack("<I", 8) + folder + bytes(4) + depths + data


def upright(image, orientation):
    """The oracle: EXIF's turns by np.rot90 and np.fliplr."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[orientation]
    turned = np.rot90(image, turns)
    return np.fliplr(turned) if orientation in (2, 4, 5, 7) else turned


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_files_come_back_as_they_were_written(tmp_path, suffix):
    image = noise(13, 17, 3)
    write_image(tmp_path / f"image{suffix}", image)
    again = read_image(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(again, image)
    assert again.flags.c_contiguous and again.flags.writeable


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_a_jpeg_file_comes_back_nearly_and_in_rgb(tmp_path, suffix):
    write_image(tmp_path / f"image{suffix}", picture())
    again = read_image(tmp_path / f"image{suffix}").astype(int)
    assert np.abs(again - picture()).mean() < 4


def test_files_hold_rgb_as_opencv_sees_it(tmp_path):
    write_image(tmp_path / "image.png", picture())
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "image.png"))[..., ::-1], picture())


@pytest.mark.parametrize("name", ["Hände & 手.png", "with space.png", "no_suffix"])
def test_any_file_name_is_read(tmp_path, name):
    np.testing.assert_array_equal(
        read_bytes(tmp_path, encode(".png", picture()[..., ::-1]), name), picture()
    )
    assert read_image(str(tmp_path / name)).shape == picture().shape


def test_non_ascii_names_are_written(tmp_path):
    write_image(tmp_path / "手.png", picture())
    assert [path.name for path in tmp_path.iterdir()] == ["手.png"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_grey_becomes_three_equal_channels(tmp_path, suffix):
    grey = noise(9, 11)
    data = webp_lossless(grey) if suffix == ".webp" else encode(suffix, grey)
    image = read_bytes(tmp_path, data)
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_16_bits_become_8_by_rounding(tmp_path, suffix, channels):
    deep = noise(50, 60, *channels, dtype=np.uint16)
    deep.flat[:6] = 0, 128, 129, 65535, 65406, 65407
    rgb = deep[..., ::-1] if channels else np.repeat(deep[..., None], 3, axis=2)
    expected = np.round(rgb / 257)
    np.testing.assert_array_equal(read_bytes(tmp_path, encode(suffix, deep)), expected)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_transparency_is_put_over_white(tmp_path, suffix):
    pixels = noise(16, 16, 4)
    pixels[0, :, 3], pixels[1, :, 3] = 0, 255
    data = webp_lossless(pixels) if suffix == ".webp" else encode(suffix, pixels)
    alpha = pixels[..., 3:] / 255
    expected = np.round(pixels[..., 2::-1] * alpha + 255 * (1 - alpha))
    image = read_bytes(tmp_path, data)
    np.testing.assert_array_equal(image, expected)
    assert (image[0] == 255).all()


def test_transparency_of_16_bits_is_put_over_white(tmp_path):
    pixels = noise(16, 16, 4, dtype=np.uint16)
    alpha = pixels[..., 3:] / 65535
    expected = pixels[..., 2::-1] / 257 * alpha + 255 * (1 - alpha)
    image = read_bytes(tmp_path, encode(".png", pixels))
    assert np.abs(image - expected).max() <= 1.51


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "insert"),
    [(".jpg", jpeg_with_exif), (".png", png_with_exif), (".webp", webp_with_exif)],
)
def test_exif_orientation_is_applied(tmp_path, suffix, insert, orientation, order):
    plain = encode(suffix, picture()[..., ::-1])
    turned = read_bytes(tmp_path, insert(plain, exif(orientation, order)))
    np.testing.assert_array_equal(turned, upright(read_bytes(tmp_path, plain), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_orientation_of_a_tiff_file_is_applied_once(tmp_path, channels, dtype, orientation):
    pixels = np.dstack([picture(), np.full((HEIGHT, WIDTH), 255, np.uint8)])[..., :channels]
    deep = pixels.astype(dtype) * (np.iinfo(dtype).max // 255)
    expected = pixels[..., :3] if channels > 1 else np.repeat(pixels, 3, axis=2)
    image = read_bytes(tmp_path, tiff(deep, orientation))
    np.testing.assert_array_equal(image, upright(expected, orientation))


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"XX*\0" + bytes(40),
        exif(0),
        exif(9),
        exif(6, kind=4),
        exif(6)[:14],
        exif(6, count=1),
        b"II*\0" + struct.pack("<I", 10_000) + bytes(20),
    ],
)
def test_exif_that_makes_no_sense_leaves_the_picture_upright(tmp_path, block):
    plain = encode(".jpg", picture())
    image = read_bytes(tmp_path, jpeg_with_exif(plain, block))
    np.testing.assert_array_equal(image, read_bytes(tmp_path, plain))


JUNK = [b"\0", b"\x12\x34\x56", b"junk" * 50, b"\xff\xff\xff", b"\xff\0", b"\xff\xd0\x01"]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("before", [b"\xff\xdb", b"\xff\xc4", b"\xff\xda"])
def test_junk_between_the_segments_of_a_jpeg_does_no_harm(tmp_path, before, junk):
    plain = encode(".jpg", picture())
    place = plain.index(before)
    data = plain[:place] + junk + plain[place:]
    np.testing.assert_array_equal(read_bytes(tmp_path, data), read_bytes(tmp_path, plain))
    with pytest.raises(ImageError, match="cut short"):
        read_bytes(tmp_path, data[:-2])
    with pytest.raises(ImageError, match="cut short"):
        read_bytes(tmp_path, data[: place + len(junk) + 1])


def test_the_orientation_behind_junk_is_found(tmp_path):
    plain = encode(".jpg", picture())
    data = jpeg_with_exif(plain, exif(6))
    place = data.index(b"\xff\xe1")
    turned = read_bytes(tmp_path, data[:place] + b"\0\0" + data[place:])
    np.testing.assert_array_equal(turned, upright(read_bytes(tmp_path, plain), 6))


def test_a_progressive_jpeg_is_read(tmp_path):
    data = encode(".jpg", picture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert read_bytes(tmp_path, data).shape == picture().shape


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_bytes_after_the_end_of_a_picture_do_no_harm(tmp_path, suffix):
    data = encode(suffix, picture())
    image = read_bytes(tmp_path, data + b"a short film that the phone appended")
    np.testing.assert_array_equal(image, read_bytes(tmp_path, data))


@pytest.mark.parametrize("suffix", LOSSLESS + LOSSY)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95, -1])
def test_a_file_cut_short_is_refused_in_silence(tmp_path, capfd, suffix, kept):
    pixels = cv2.GaussianBlur(noise(160, 200, 3), (0, 0), 2)
    data = encode(suffix, pixels)
    data = data[:-1] if kept < 0 else data[: int(kept * len(data))]
    with pytest.raises(ImageError, match=r"cut short|damaged"):
        read_bytes(tmp_path, data)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", LOSSLESS + LOSSY)
@pytest.mark.parametrize("length", range(1, 80, 7))
def test_a_few_bytes_of_a_file_are_refused(tmp_path, suffix, length):
    with pytest.raises(ImageError):
        read_bytes(tmp_path, encode(suffix, noise(HEIGHT, WIDTH, 3))[:length])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"This is a letter and not a picture.\n", "no picture"),
        (bytes(1000), "no picture"),
        (b"\xff\xd8", "cut short"),
        (b"BM", "cut short"),
        (b"\x89PNG\r\n\x1a\n", "cut short"),
        (b"RIFF\xff\0\0\0WEBP", "cut short"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path, data, message):
    with pytest.raises(ImageError, match=message) as caught:
        read_bytes(tmp_path, data, "letter.jpg")
    assert "letter.jpg" in str(caught.value) and "\n" not in str(caught.value)


def test_pixels_that_are_neither_8_nor_16_bits_are_refused(tmp_path):
    with pytest.raises(ImageError, match="float32 pixels; expected 8 or 16 bits"):
        read_bytes(tmp_path, encode(".tiff", np.ones((9, 9, 3), np.float32)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"there is no file .*nowhere\.jpg"):
        read_image(tmp_path / "nowhere.jpg")


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encode(".png", picture()))
    path.chmod(0)
    with pytest.raises(ImageError, match=r"secret\.png cannot be read: Permission denied"):
        read_image(path)


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path / "file" / "picture.png")
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "file" / "picture.png", picture())


def test_what_is_no_path_is_refused():
    with pytest.raises(TypeError):
        read_image(picture())


def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "image.png"
    path.write_text("old")
    write_image(path, picture())
    np.testing.assert_array_equal(read_image(path), picture())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["missing/image.png", "folder.png"])
def test_a_failed_write_leaves_nothing_behind(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / name, picture())
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("name", ["image", "image.txt", ".png", "image.gif2"])
def test_an_unknown_format_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match=r"must end in \.png"):
        write_image(tmp_path / name, picture())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), None])
def test_what_is_no_image_is_not_written(tmp_path, image):
    with pytest.raises(ImageError, match="expected an RGB image"):
        write_image(tmp_path / "image.png", image)
    assert not list(tmp_path.iterdir())


def test_views_and_read_only_images_are_written(tmp_path):
    image = noise(20, 20, 3)
    image.flags.writeable = False
    write_image(tmp_path / "image.png", image[::2, ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), image[::2, ::-1])


def test_reading_in_threads_gives_the_same(tmp_path):
    write_image(tmp_path / "image.png", picture())
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(read_image(tmp_path / "image.png")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all((image == picture()).all() for image in results)


def test_a_good_image_is_given_back_itself():
    image = noise(5, 6, 3)
    image.flags.writeable = False
    assert check_image(image) is image
    view = image[:, ::-1]
    assert check_image(view) is view


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (np.zeros((5, 6), np.uint8), "np.repeat(image[..., None], 3, 2)"),
        (np.zeros((5, 6, 1), np.uint8), "np.repeat(image, 3, 2)"),
        (np.zeros((5, 6, 4), np.uint8), "image[..., :3]"),
        (np.zeros((3, 5, 6), np.uint8), "np.moveaxis(image, 0, -1)"),
        (np.zeros((1, 5, 6, 3), np.uint8), "batch[0]"),
        (np.zeros((0, 6, 3), np.uint8), "empty"),
        (np.zeros((5, 6, 2), np.uint8), "three channels"),
        (np.zeros(5, np.uint8), "three axes"),
        (np.zeros((5, 6, 3), np.uint16), "np.round(image / 257)"),
        (np.full((5, 6, 3), 0.5), "np.round(image * 255)"),
        (np.full((5, 6, 3), 200.0), "np.round(image).astype(np.uint8)"),
        (np.full((5, 6, 3), 200), "np.round(image).astype(np.uint8)"),
        (np.ones((5, 6, 3), bool), "image.astype(np.uint8) * 255"),
        (np.full((5, 6, 3), np.nan), "NaN or infinite"),
        (np.full((5, 6, 3), np.inf, np.float32), "NaN or infinite"),
        ("hand.jpg", "read_image(path)"),
        ([[[1, 2, 3]]], "np.asarray"),
        (None, "np.asarray"),
    ],
)
def test_the_error_says_how_to_mend_an_array(image, hint):
    with pytest.raises(ImageError) as caught:
        check_image(image)
    assert hint in str(caught.value) and str(caught.value).startswith("expected an RGB image")


def test_normalise_is_exact_for_all_256_values():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    expected = np.arange(256) / 256 - 0.5  # exact in float64, and no value needs more than 8 bits
    actual = normalise(image)
    assert actual.dtype == np.float32 and actual.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(actual[0, ..., 1].ravel().astype(np.float64), expected)


def test_normalise_turns_the_channels_for_bgr():
    image = noise(4, 5, 3)
    np.testing.assert_array_equal(normalise(image, "bgr"), normalise(image)[..., ::-1])
    assert normalise(image, "bgr").flags.c_contiguous


def test_normalise_leaves_the_image_alone():
    image = noise(4, 5, 3)
    image.flags.writeable = False
    copy = image.copy()
    normalise(image[:, ::-1])
    np.testing.assert_array_equal(image, copy)


def test_an_unknown_channel_order_is_refused():
    with pytest.raises(ValueError, match="channel_order is 'rgb' or 'bgr', not 'RGB'"):
        normalise(noise(4, 5, 3), "RGB")


def test_scaling_to_a_width_is_opencvs_linear_resize():
    image = noise(480, 640, 3)
    scaled = scale_to_width(image)
    np.testing.assert_array_equal(scaled, cv2.resize(image, (368, 276)))
    resize = Resize.to_width((480, 640), 368)
    np.testing.assert_array_equal(scaled, resize.apply_image(image))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2000, 3), (2000, 1, 3), (7, 368, 3)])
def test_images_of_extreme_shapes_are_scaled(shape):
    assert scale_to_width(noise(*shape)).shape[1] == 368


def test_scaling_refuses_what_is_no_image_or_no_size():
    with pytest.raises(ImageError, match="expected an RGB image"):
        scale_to_width(noise(9, 9))
    with pytest.raises(ValueError, match="must be a positive whole number"):
        scale_to_width(noise(9, 9, 3), 0)
    with pytest.raises(ValueError, match="interpolation is one of"):
        scale_to_width(noise(9, 9, 3), 8, "sharp")
