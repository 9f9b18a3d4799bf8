import io
import struct
import sys
import zlib

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest
import tifffile

from openpose_keras.core.errors import ImageError
from openpose_keras.core.keypoints import Person
from openpose_keras.geometry import Resize
from openpose_keras.io.images import (
    as_image,
    check_image,
    decode_image,
    read_image,
    scale_to_width,
    write_image,
)
from tests.helpers.heic import encode_heic

LOSSLESS = [".png", ".webp", ".tiff", ".bmp"]
ORIENTED = {"JPEG": {}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {}}


def areas():
    """Four areas of different colours, so that every rotation and every flip differs."""
    image = np.full((24, 40, 3), 60, np.uint8)
    image[:12, :20] = 200, 60, 60
    image[12:, :20] = 60, 180, 60
    image[:12, 20:] = 60, 60, 220
    return image


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def encode(pixels, kind, **options):
    """The bytes of a file that Pillow writes; `pixels` is an array or an image."""
    image = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def encode_deep(suffix, pixels):
    """The bytes of a file of 16 bits a channel: grey, BGR or BGRA."""
    return cv2.imencode(suffix, pixels)[1].tobytes()


def exif(orientation):
    """EXIF data that states the orientation."""
    data = PIL.Image.Exif()
    data[PIL.ExifTags.Base.Orientation] = orientation
    return data.tobytes()


def png(pixels, orientation):
    """A PNG file of (h, w, 1, 3 or 4) pixels of 16 bits, in RGB."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    data = encode_deep(".png", pixels[..., order])
    chunk = b"eXIf" + exif(orientation)[6:]
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + chunk + data[33:]  # behind the signature and IHDR


def tiff(pixels, orientation):
    """The same as a TIFF file."""
    channels, file = pixels.shape[2], io.BytesIO()
    tifffile.imwrite(
        file,
        pixels[..., 0] if channels == 1 else pixels,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
        extratags=[(274, "H", 1, orientation, True)],
    )
    return file.getvalue()


def upright(image, orientation):
    """The oracle: EXIF's rotations by np.rot90 and np.fliplr."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[orientation]
    turned = np.rot90(image, turns)
    return np.fliplr(turned) if orientation in (2, 4, 5, 7) else turned


def over_white(rgb, alpha):
    """The oracle: transparency, alpha of 0 to 1, over white."""
    return np.round(rgb * alpha + 255 * (1 - alpha))


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_files_come_back_as_they_were_written(tmp_path, suffix):
    image = noise(13, 17, 3)
    write_image(tmp_path / f"image{suffix}", image)
    again = read_image(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(PIL.Image.open(tmp_path / f"image{suffix}"), image)
    assert again.flags.c_contiguous
    assert again.flags.writeable


@pytest.mark.parametrize("name", ["Hände & 手.png", "with space.png", "no_suffix"])
def test_any_file_name_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(encode(areas(), "PNG"))
    np.testing.assert_array_equal(read_image(str(tmp_path / name)), areas())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "P")),
        *(("JPEG", mode) for mode in ("L", "CMYK")),
        *(("TIFF", mode) for mode in ("L", "CMYK", "YCbCr")),
        *((kind, "RGB") for kind in ("JPEG", "GIF", "JPEG2000", "PPM")),
    ],
)
def test_every_kind_of_pixels_becomes_the_rgb_of_pillow(kind, mode):
    data = encode(PIL.Image.fromarray(areas()).convert(mode), kind)
    expected = PIL.Image.open(io.BytesIO(data)).convert("RGB")
    np.testing.assert_array_equal(decode_image(data), expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_put_over_white(mode, kind):
    image = PIL.Image.fromarray(noise(16, 16, 4)).convert(mode)
    expected = np.asarray(image.convert("RGBA"))
    options = {"lossless": True} if kind == "WEBP" else {}
    expected = over_white(expected[..., :3], expected[..., 3:] / 255)
    np.testing.assert_array_equal(decode_image(encode(image, kind, **options)), expected)


def test_a_transparent_colour_is_white():
    image = PIL.Image.fromarray(areas()).quantize(4)
    pixels, index = areas(), image.getpixel((0, 0))
    pixels[:12, :20] = 255
    np.testing.assert_array_equal(decode_image(encode(image, "PNG", transparency=index)), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_16_bits_become_8_by_rounding(suffix, channels):
    deep = noise(50, 60, *channels, dtype=np.uint16)
    deep.flat[:6] = 0, 128, 129, 65535, 65406, 65407
    rgb = deep[..., ::-1] if channels else np.repeat(deep[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode_image(encode_deep(suffix, deep)), np.round(rgb / 257))


def test_transparency_of_16_bits_is_put_over_white():
    pixels = noise(16, 16, 4, dtype=np.uint16)
    expected = over_white(pixels[..., 2::-1] / 257, pixels[..., 3:] / 65535)
    assert np.abs(decode_image(encode_deep(".png", pixels)) - expected).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ORIENTED)
def test_the_orientation_of_exif_is_applied(kind, orientation):
    options = ORIENTED[kind]
    plain = encode(areas(), kind, **options)
    about = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif(orientation)}
    turned = decode_image(encode(areas(), kind, **about, **options))
    np.testing.assert_array_equal(turned, upright(decode_image(plain), orientation))


@pytest.mark.parametrize("write", [png, tiff])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_orientation_of_16_bits_is_applied_once(write, channels):
    pixels = np.dstack([areas(), np.full((24, 40), 255, np.uint8)])[..., :channels]
    expected = pixels[..., :3] if channels > 1 else np.repeat(pixels, 3, axis=2)
    image = decode_image(write(pixels * np.uint16(257), 6))
    np.testing.assert_array_equal(image, upright(expected, 6))


@pytest.mark.parametrize(
    "block",
    [b"", b"Exif\0\0XX*\0" + bytes(40), exif(0), exif(9), exif(6)[:20]],
)
def test_exif_that_makes_no_sense_leaves_the_image_as_it_is(block):
    data = encode(areas(), "JPEG", exif=block)
    np.testing.assert_array_equal(decode_image(data), decode_image(encode(areas(), "JPEG")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_a_file_that_is_cut_is_refused_in_silence(capfd, kind):
    data = encode(cv2.GaussianBlur(noise(160, 200, 3), (0, 0), 2), kind)
    for length in (*range(1, 80, 13), len(data) // 3, int(0.95 * len(data))):
        with pytest.raises(ImageError, match="damaged"):
            decode_image(data[:length])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 5}])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read(options):
    data = encode(cv2.GaussianBlur(noise(160, 200, 3), (0, 0), 2), "JPEG", **options)
    for end in (-1, -2):
        np.testing.assert_array_equal(decode_image(data[:end]), decode_image(data))
    for end in (-6, -40, -400):
        with pytest.raises(ImageError, match="cut short"):
            decode_image(data[:end])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "letter.jpg: the file is empty$"),
        (b"This is a letter and not an image.\n", "another or a damaged file of .. bytes$"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "another or a damaged file of .. bytes$",
        ),
        (encode(np.ones((9, 9), np.float32), "TIFF"), "8 or 16 bits a channel, got float32"),
        (encode(np.full((9, 9), 70000, np.int32), "TIFF"), "8 or 16 bits a channel, got int32"),
    ],
    ids=["empty", "text", "eps", "float", "32 bits"],
)
def test_what_is_not_an_image_is_refused_by_name(tmp_path, data, message):
    (tmp_path / "letter.jpg").write_bytes(data)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(tmp_path / "letter.jpg")
    assert "letter.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_of_iphones_are_turned_once(orientation):
    turned = decode_image(encode_heic(areas(), orientation))
    np.testing.assert_array_equal(turned, upright(areas(), orientation))


def test_heic_is_known_by_any_of_its_brands():
    data = encode_heic(areas())
    assert data[4:10] == b"ftyphe"
    np.testing.assert_array_equal(decode_image(data[:8] + b"mif1" + data[12:]), areas())


def test_grey_and_transparent_heic_becomes_rgb():
    grey, alpha = areas()[..., 0], np.full((24, 40), 128, np.uint8)
    np.testing.assert_array_equal(decode_image(encode_heic(grey)), np.dstack([grey] * 3))
    expected = over_white(areas().astype(float), alpha[..., None] / 255)
    seen = decode_image(encode_heic(np.dstack([areas(), alpha])))
    assert np.abs(seen - expected).max() <= 1


def test_heic_that_is_cut_is_refused_in_silence(capfd):
    data = encode_heic(noise(160, 200, 3))
    for length in (*range(1, 80, 13), len(data) // 3, int(0.95 * len(data))):
        with pytest.raises(ImageError, match="damaged"):
            decode_image(data[:length])
    assert capfd.readouterr() == ("", "")


def test_heic_without_the_package_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(encode_heic(areas()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"a\.heic: HEIC needs .*: pip install pillow-heif, or"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_image_and_a_warning(tmp_path, kind):
    first, second = (PIL.Image.new("RGB", (20, 30), color) for color in ("red", "blue"))
    path = tmp_path / f"two.{kind.lower()}"
    first.save(path, kind, save_all=True, append_images=[second])
    with pytest.warns(UserWarning, match=f"{path}: the first of its images is read"):
        assert (read_image(path)[0, 0] == (255, 0, 0)).all() or kind == "WEBP"
    first.save(path, kind)
    assert read_image(path).shape == (30, 20, 3)  # a warning would be an error


def test_paths_that_are_not_files_are_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImageError, match=r"nowhere\.jpg cannot be read: No such file"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path / "file" / "image.png")
    for wrong in (areas(), None):
        with pytest.raises(TypeError, match=r"expected a path, got a \w+: `as_image`"):
            read_image(wrong)


def test_a_video_is_told_from_an_image(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(99))
    with pytest.raises(ImageError, match=r"got a video: openpose_keras\.video\.process, or"):
        read_image(path)


def test_views_and_read_only_images_are_written(tmp_path):
    image = noise(20, 20, 3)
    image.flags.writeable = False
    view = image[::2, ::-1]
    assert check_image(view) is view
    (tmp_path / "image.png").write_text("old")
    write_image(tmp_path / "image.png", view)
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), view)
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("missing/image.png", areas(), "cannot be written"),
        ("folder.png", areas(), "cannot be written"),
        ("image.txt", areas(), r"must end in \.png"),
        (".png", areas(), r"must end in \.png"),
        ("image.png", areas() / 255, "expected an RGB image"),
        ("image.png", None, "expected an RGB image"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, name, image, message):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=message):
        write_image(tmp_path / name, image)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (np.zeros((5, 6), np.uint8), "np.dstack([image] * 3)"),
        (np.zeros((5, 6, 1), np.uint8), "np.dstack([image] * 3)"),
        (np.zeros((5, 6, 4), np.uint8), "image[..., :3]"),
        (np.zeros((3, 5, 6), np.uint8), "np.moveaxis(image, 0, -1)"),
        (np.zeros((1, 5, 6, 3), np.uint8), "estimator.map(batch) takes several"),
        (np.zeros((0, 6, 3), np.uint8), "empty"),
        (np.zeros((5, 6, 2), np.uint8), "three channels"),
        (np.zeros(5, np.uint8), "three axes"),
        (np.zeros((5, 6, 3), np.uint16), "np.round(image / 257)"),
        (np.full((5, 6, 3), 0.5), "np.round(image * 255)"),
        (np.full((5, 6, 3), 200), "np.round(image).astype(np.uint8)"),
        (np.ones((5, 6, 3), bool), "image.astype(np.uint8) * 255"),
        (np.full((5, 6, 3), np.inf, np.float32), "it holds NaN or infinity"),
        ("hand.jpg", "read_image(path)"),
        (None, "as_image"),
    ],
)
def test_the_error_says_how_to_mend_an_array(image, hint):
    with pytest.raises(ImageError, match=r"^expected an RGB image") as caught:
        check_image(image)
    assert hint in str(caught.value)


class Tensor:
    """What PyTorch's tensors on a GPU are like: an array only after they were fetched."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self.array


def test_whatever_holds_an_image_becomes_one(tmp_path):
    image = noise(12, 17, 3)
    write_image(tmp_path / "a.png", image)
    assert as_image(image) is image
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), Tensor(image)):
        np.testing.assert_array_equal(as_image(given), image)
    file = PIL.Image.fromarray(image)
    file.getexif()[0x112] = 6
    np.testing.assert_array_equal(as_image(file), np.rot90(image, -1))
    grey = noise(12, 17)
    for given in (grey, grey[..., None], PIL.Image.fromarray(grey)):
        np.testing.assert_array_equal(as_image(given), np.dstack([grey] * 3))
    np.testing.assert_array_equal(as_image(image[..., ::-1], bgr=True), image)
    np.testing.assert_array_equal(as_image(Tensor(image[..., ::-1]), bgr=True), image)
    clear = np.dstack([image, np.zeros((12, 17), np.uint8)])
    assert (as_image(clear) == 255).all()
    clear[..., 3] = 255
    np.testing.assert_array_equal(as_image(clear), image)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "got None: cv2.imread"),
        ("https://example.org/a.jpg", "download https://example.org/a.jpg first"),
        ("no.jpg", "no.jpg cannot be read"),
        (np.zeros((5, 6, 3)), "np.round"),
        (3, "got a int"),
        ([np.zeros((5, 6, 3), np.uint8)], r"got a list: estimator\.map\(images\) takes several"),
        (iter(()), "expected one image, got a tuple_iterator"),
        (Person(), "got a Person: the image comes first"),
        ([Person()], "got a list of people: the image comes first"),
        (np.zeros((0, 6), np.uint8), "empty"),
    ],
)
def test_what_holds_no_image_is_refused_in_a_line(given, message):
    with pytest.raises(ImageError, match=message):
        as_image(given)
    if isinstance(given, str):
        with pytest.raises(ImageError, match="drop bgr=True"):
            as_image(given, bgr=True)


def test_scaling_to_a_width_is_opencvs_linear_resize():
    image = noise(480, 640, 3)
    scaled = scale_to_width(image)
    np.testing.assert_array_equal(scaled, cv2.resize(image, (368, 276)))
    np.testing.assert_array_equal(scaled, Resize.to_width((480, 640), 368).apply_image(image))
    with pytest.raises(ImageError, match="expected an RGB image"):
        scale_to_width(noise(9, 9))
