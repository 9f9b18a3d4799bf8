import json

import numpy as np
import pytest

from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import BODY_MPI, MPII_16
from openpose_keras.io.mpii import read_mpii


def entry(image="015601864.jpg", hidden=(), **more):
    joints = [[10.0 * number + 1, 5.0 * number + 1] for number in range(16)]
    seen = [int(number not in hidden) for number in range(16)]
    about = {"image": image, "joints": joints, "joints_vis": seen}
    return about | {"center": [594.0, 257.0], "scale": 3.021} | more


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mpii_train.json"


def read(path, *entries):
    path.write_text(json.dumps(entries))
    return read_mpii(path)


def test_people_are_grouped_by_their_image(path):
    first, second = read(path, entry("a.jpg"), entry("b.jpg"), entry("a.jpg"))
    assert (first.image, first.image_id, len(first.people)) == (path.with_name("a.jpg"), "a.jpg", 2)
    assert (second.image_id, len(second.people)) == ("b.jpg", 1)


def test_coordinates_count_from_0(path):
    (person,) = read(path, entry(hidden=[0]))[0].people
    expected = np.stack([10.0 * np.arange(16), 5.0 * np.arange(16)], axis=1)
    expected[0] = np.nan
    np.testing.assert_array_equal(person.xy, expected)
    x, y, width, height = person.box
    assert (width, height) == pytest.approx((604.2, 604.2))
    assert (x + (width - 1) / 2, y + (height - 1) / 2) == pytest.approx((593, 256))


def test_openposes_chest_is_between_thorax_and_pelvis(path):
    (person,) = read(path, entry(hidden=[9]))[0].people
    body = person.converted(BODY_MPI)
    chest = person.xy[[MPII_16.index("thorax"), MPII_16.index("mid_hip")]].mean(axis=0)
    np.testing.assert_allclose(body.xy[BODY_MPI.index("chest")], chest)
    assert [BODY_MPI.keypoints[n] for n in np.flatnonzero(~body.labelled)] == ["head"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": [[1, 2]] * 15}, r"expected xy \(16, 2\)"),
        ({"joints_vis": [1] * 15}, r"visibility \(16,\)"),
        ({"joints": None}, "person 0 is not readable"),
        ({"scale": -1}, "factor"),
        ({"center": [1]}, "person 0 is not readable"),
    ],
)
def test_a_damaged_entry_is_named(path, changes, message):
    with pytest.raises(DataError, match=message) as error:
        read(path, entry(**changes))
    assert str(error.value).startswith(str(path))


def test_missing_entries_and_other_files_are_named(path):
    with pytest.raises(DataError, match=r"mpii_train\.json: person 0 .* it has no 'image'"):
        read(path, {"joints": []})
    with pytest.raises(DataError, match=r"mpii_train\.json: expected MPII's labels"):
        read(path, 3)
    path.write_text("{")
    with pytest.raises(DataError, match=r"mpii_train\.json is not a JSON file"):
        read_mpii(path)


def test_images_must_be_in_a_folder_that_is_given(path):
    read(path, entry("a.jpg"))
    with pytest.raises(DataError, match="1 of 1 images"):
        read_mpii(path, path.parent)
    path.with_name("a.jpg").touch()
    assert len(read_mpii(path, path.parent)) == 1
