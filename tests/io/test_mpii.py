import json

import numpy as np
import pytest
from scipy.io import savemat

from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import BODY_MPI, MPII_16
from openpose_keras.io.mpii import read_mpii
from tests.helpers.mat_files import mpii_person, write_mpii


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


JOINTS = {number: (10.0 * number + 1, 5.0 * number + 1) for number in range(16)}


@pytest.fixture
def mat(tmp_path):
    return tmp_path / "mpii_human_pose_v1_u12_1.mat"


@pytest.mark.parametrize("seen", [range(16), [3], []])
def test_matlab_s_file_and_json_tell_the_same(path, mat, seen):
    people = [mpii_person({number: JOINTS[number] for number in seen}), mpii_person(JOINTS)]
    write_mpii(mat, [("a.jpg", people), ("none.jpg", []), ("b.jpg", people[:1])])
    hidden = [number for number in range(16) if number not in seen]
    expected = read(path, entry("a.jpg", hidden), entry("a.jpg"), entry("b.jpg", hidden))
    samples = read_mpii(mat)
    assert [each.image for each in samples] == [each.image for each in expected]
    for sample, other in zip(samples, expected, strict=True):
        for found, person in zip(sample.people, other.people, strict=True):
            np.testing.assert_array_equal(found.xy, person.xy)
            np.testing.assert_array_equal(found.visibility, person.visibility)
            assert (found.box, found.area) == (person.box, person.area)


def test_hidden_points_of_matlab_s_file_are_labelled(mat):
    write_mpii(mat, [("a.jpg", [mpii_person(JOINTS, hidden=[0, 15])])])
    (person,) = read_mpii(mat)[0].people
    assert person.visibility.tolist() == [1] + 14 * [2] + [1]


def test_who_has_no_scale_or_no_middle_is_left_out(mat):
    empty, bare = np.zeros((0, 0)), mpii_person({}, annopoints=np.zeros((0, 0)))
    left_out = [mpii_person(JOINTS, scale=empty), mpii_person(JOINTS, objpos=empty)]
    write_mpii(mat, [("a.jpg", [*left_out, bare]), ("b.jpg", left_out)])
    (sample,) = read_mpii(mat)
    (person,) = sample.people
    assert not person.labelled.any()
    assert person.box[2] == pytest.approx(604.2)


@pytest.mark.parametrize(
    ("person", "message"),
    [
        (mpii_person({16: (1, 2)}), r"annolist\(1\) is not readable: expected .* id .* got 16"),
        (mpii_person(JOINTS, annopoints=[7.0, 8.0]), r"annolist\(1\) .* expected a struct"),
        (mpii_person(JOINTS, annopoints={"x": 1}), r"annolist\(1\) .* it has no 'point'"),
        (mpii_person(JOINTS, objpos={"x": 1}), r"annolist\(1\) .* it has no 'y'"),
        (mpii_person(JOINTS, scale=-1.0), "person 0 .* factor"),
    ],
)
def test_a_damaged_entry_of_matlab_s_file_is_named(mat, person, message):
    write_mpii(mat, [("a.jpg", [person])])
    with pytest.raises(DataError, match=message) as error:
        read_mpii(mat)
    assert str(error.value).startswith(str(mat))


def test_a_file_without_mpii_s_struct_is_named(mat):
    savemat(mat, {"other": 1})
    with pytest.raises(DataError, match=r"u12_1\.mat: RELEASE is not readable: it has no 'REL"):
        read_mpii(mat)
