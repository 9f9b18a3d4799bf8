import struct
import tracemalloc

import numpy as np
import PIL.Image
import pytest

from openpose_keras.core.errors import DataError, ImageError
from openpose_keras.io.heatmap_files import (
    HEATMAP_SCALES,
    read_heatmaps,
    scale_heatmaps,
    unscale_heatmaps,
    write_heatmaps,
)
from tests.helpers.damage import ROUNDS, damage

SIZE, COUNT, FIELDS = (5, 7), 6, 4
SCALES = range(len(HEATMAP_SCALES))


def make_maps(seed=0, reach=0.98):
    """Heatmaps of 0 to 1, and fields of -1 to 1; a field above 0.98 does not fit into a .png."""
    rng = np.random.default_rng(seed)
    heatmaps = rng.uniform(0, 1, (*SIZE, COUNT - FIELDS))
    return np.dstack([heatmaps, rng.uniform(-1, reach, (*SIZE, FIELDS))]).astype(np.float32)


def scaled_by_loops(value, scale, is_field):
    """OpenPose's rule for one value, in float32 as its C++ computes."""
    one, half = np.float32(1), np.float32(0.5)
    if scale == 3:
        return value
    cut = min(max(value, -one if is_field else 0 * one), one)
    if is_field:
        line = {0: cut, 1: cut * half + half, 2: cut * np.float32(128.5) + np.float32(128.5)}
    else:
        line = {0: cut * np.float32(2) - one, 1: cut, 2: cut * np.float32(255)}
    return np.float32(int(line[scale] + half)) if scale == 2 else line[scale]


@pytest.mark.parametrize("scale", SCALES)
def test_scaled_values_are_those_of_openposes_loops(scale):
    maps = 1.5 * make_maps(reach=1)
    scaled = scale_heatmaps(maps, scale, fields=FIELDS)
    expected = [
        [[scaled_by_loops(v, scale, c >= COUNT - FIELDS) for c, v in enumerate(cell)] for cell in y]
        for y in maps
    ]
    np.testing.assert_array_equal(scaled, np.array(expected, np.float32))
    assert scaled.dtype == np.float32


@pytest.mark.parametrize("scale", SCALES)
def test_scaling_and_scaling_back_loses_half_a_level_at_most(scale):
    maps = make_maps(reach=1)
    back = unscale_heatmaps(scale_heatmaps(maps, scale, fields=FIELDS), scale, fields=FIELDS)
    level = 0.5 / 128.5 if scale == 2 else 0
    assert np.abs(back - maps).max() <= level + 1e-6


def test_a_field_of_one_is_257_and_cut_to_255_in_a_png(tmp_path):
    maps = np.ones((2, 2, 1))
    assert scale_heatmaps(maps, fields=1).max() == 257
    assert scale_heatmaps(maps, fields=0).max() == 255
    write_heatmaps(tmp_path / "a.png", maps, fields=1)
    assert np.asarray(PIL.Image.open(tmp_path / "a.png")).max() == 255


def test_arguments_are_left_as_they_were():
    maps = make_maps()
    before = maps.copy()
    unscale_heatmaps(scale_heatmaps(maps, fields=FIELDS), fields=FIELDS)
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize("seed", range(3))
def test_a_float_file_gives_every_bit_back(tmp_path, seed):
    maps = 100 * make_maps(seed)
    write_heatmaps(tmp_path / "a.float", maps, scale=3)
    back = read_heatmaps(tmp_path / "a.float", scale=3)
    assert back.tobytes() == maps.tobytes()
    assert back.shape == maps.shape


def test_a_float_file_has_a_header_of_floats_and_whole_maps_after_it(tmp_path):
    maps = make_maps()
    write_heatmaps(tmp_path / "a.float", maps, scale=3)
    data = (tmp_path / "a.float").read_bytes()
    assert struct.unpack("<4f", data[:16]) == (3, COUNT, *SIZE)
    area = SIZE[0] * SIZE[1]
    assert struct.unpack(f"<{area}f", data[16 : 16 + 4 * area]) == tuple(maps[..., 0].ravel())


def test_a_png_gives_the_maps_back_to_half_a_grey_level(tmp_path):
    maps = make_maps()
    write_heatmaps(tmp_path / "a.png", maps, fields=FIELDS)
    back = read_heatmaps(tmp_path / "a.png", count=COUNT, fields=FIELDS)
    assert np.abs(back - maps)[..., : COUNT - FIELDS].max() <= 0.5 / 255 + 1e-6
    assert np.abs(back - maps)[..., COUNT - FIELDS :].max() <= 0.5 / 128.5 + 1e-6


def test_a_png_shows_the_maps_from_left_to_right(tmp_path):
    maps = make_maps()
    write_heatmaps(tmp_path / "a.png", maps, fields=FIELDS)
    image = PIL.Image.open(tmp_path / "a.png")
    assert image.mode == "L"
    planes = np.split(np.asarray(image), COUNT, axis=1)
    expected = scale_heatmaps(maps, fields=FIELDS)
    np.testing.assert_array_equal(np.stack(planes, axis=2), expected)


def test_a_png_of_another_scale_is_rounded_and_cut(tmp_path):
    maps = np.array([[[-0.7, 0.2, 1.5, 1.4, 300]]])
    write_heatmaps(tmp_path / "a.png", maps, scale=3)
    assert np.asarray(PIL.Image.open(tmp_path / "a.png")).tolist() == [[0, 0, 2, 1, 255]]


def test_a_file_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "a.float"
    write_heatmaps(path, make_maps(0), scale=3)
    with pytest.raises(FileExistsError, match="exists: choose"):
        write_heatmaps(path, make_maps(1), scale=3)
    write_heatmaps(path, make_maps(1), scale=3, force=True)
    np.testing.assert_array_equal(read_heatmaps(path, scale=3), make_maps(1))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: scale_heatmaps(make_maps(), 4), "scale from 0 to 3, got 4"),
        (lambda path: scale_heatmaps(make_maps(), fields=7), "0 to 6 .* fields, got 7"),
        (lambda path: unscale_heatmaps(make_maps(), fields=-1), "fields, got -1"),
        (lambda path: scale_heatmaps([[[np.nan]]]), "NaN"),
        (lambda path: write_heatmaps(path / "a.jpg", make_maps()), "named .float or .png"),
        (lambda path: read_heatmaps(path / "a.jpg"), "named .float or .png"),
        (lambda path: read_heatmaps(path / "a.png"), "does not tell it: pass count=78"),
        (lambda path: read_heatmaps(path / "a.png", count=0), "count of a .png"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, call, message):
    with pytest.raises(ValueError, match=message):
        call(tmp_path)
    assert not list(tmp_path.iterdir())


def header(*numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        header(3),
        header(3, 1, 1),
        header(3, 1, 1, 1),
        header(3, 1, 1, 1) + bytes(3),
        header(3, 1, 1, 1) + bytes(5),
        header(3, 1, 1, 1) + bytes(8),
        header(2, 1, 1, 0),
        header(4, 1, 1, 1, 1, 0),
        header(3, 0, 1, 1),
        header(3, -1, -1, 1, 0),
        header(3, 0.5, 2, 1, 0),
        header(3, np.nan, 1, 1, 0),
        header(3, np.inf, 1, 1, 0),
        header(3, 1, 1, 1, np.nan),
        header(3, 1e9, 1e9, 1e9, 0),
        header(3, 3e38, 3e38, 3e38, 0),
    ],
)
def test_a_damaged_float_file_is_refused_in_one_line_and_takes_no_memory(tmp_path, data):
    path = tmp_path / "bad.float"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(DataError, match="bad") as caught:
        read_heatmaps(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 1 << 20


@pytest.mark.parametrize("ending", ["float", "png"])
def test_damaged_file_gives_our_error_or_finite_maps(tmp_path, ending):
    path = tmp_path / f"file.{ending}"
    write_heatmaps(path, make_maps(), fields=FIELDS)
    whole = path.read_bytes()
    rng = np.random.default_rng(len(ending))
    refused = []
    for _ in range(ROUNDS):
        path.write_bytes(damage(whole, rng))
        try:
            maps = read_heatmaps(path, count=COUNT, fields=FIELDS)
        except (DataError, ImageError) as error:
            refused.append(str(error))
        else:
            assert maps.shape[2] == COUNT
            assert np.isfinite(maps).all()
    assert len(refused) > ROUNDS / 5
    assert all(path.name in message and "\n" not in message for message in refused)


def test_files_that_are_not_there_or_have_other_maps_are_refused(tmp_path):
    write_heatmaps(tmp_path / "a.float", make_maps())
    write_heatmaps(tmp_path / "a.png", make_maps())
    PIL.Image.new("RGB", (12, 4), "red").save(tmp_path / "red.png")
    with pytest.raises(DataError, match="expected 5 maps, got 6"):
        read_heatmaps(tmp_path / "a.float", count=5)
    with pytest.raises(ImageError, match="expected 4 maps side by side, got 42 pixels"):
        read_heatmaps(tmp_path / "a.png", count=4)
    with pytest.raises(ImageError, match="grey"):
        read_heatmaps(tmp_path / "red.png", count=4)
    with pytest.raises(DataError, match="cannot be read"):
        read_heatmaps(tmp_path / "none.float")
    with pytest.raises(ImageError, match="cannot be read"):
        read_heatmaps(tmp_path / "none.png", count=6)
