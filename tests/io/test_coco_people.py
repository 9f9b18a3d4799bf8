"""Label files of people: what is written is what readers find; what is wrong is named."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from openpose_keras.core.errors import DataError, ImageError
from openpose_keras.core.skeletons import (
    BODY_25,
    BODY_COCO,
    BODY_MPI,
    COCO_17,
    COCO_FEET,
    COCO_WHOLE_BODY,
    MPII_16,
)
from openpose_keras.io.coco_people import (
    LabelledPeople,
    LabelledPerson,
    add_people_labels,
    read_people_labels,
    unlabelled_mask,
    write_people_labels,
)
from openpose_keras.io.images import write_image
from tests.helpers.coco_scenes import labelled_person

COUNTS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
COUNTS |= {"lefthand_kpts": 21, "righthand_kpts": 21}
TRIANGLE = [[5.0, 5.0, 30.0, 5.0, 5.0, 30.0]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.json"


def person(seed=0, skeleton=COCO_17, **more):
    """One person with every keypoint labelled."""
    rng, count = np.random.default_rng(seed), len(skeleton)
    fields = {"visibility": rng.integers(1, 3, count), "box": (3, 4, 50, 60), "area": 900.5}
    return LabelledPerson(rng.uniform(1, 60, (count, 2)), **(fields | more), skeleton=skeleton)


def annotation(seed=0, **more):
    """An annotation of COCO-WholeBody, which is one of COCO too."""
    rng = np.random.default_rng(seed)
    lists = {
        name: np.column_stack([rng.uniform(1, 60, (count, 2)), np.full(count, 2)]).ravel().tolist()
        for name, count in COUNTS.items()
    }
    valid = {name.replace("_kpts", "_valid"): True for name in COUNTS if "_" in name}
    boxes = {"face_box": [1, 2, 3, 4], "lefthand_box": [5, 6, 7, 8], "righthand_box": [0.0] * 4}
    about = {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "bbox": [1, 2, 30, 40]}
    return about | {"area": 700, "segmentation": TRIANGLE} | lists | valid | boxes | more


def write(path, annotations, **more):
    images = [{"id": 7, "file_name": "a.png", "height": 40, "width": 60}]
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}]
    data = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(data | more))
    return path


def read(path, annotations, skeleton=COCO_17, **more):
    """The people of such a file."""
    return read_people_labels(write(path, annotations, **more), skeleton=skeleton)[0].people


def assert_same(one, other):
    np.testing.assert_allclose(one.xy, other.xy, atol=0.0051)
    np.testing.assert_array_equal(one.visibility, other.visibility)
    assert one.box == pytest.approx(other.box, abs=0.0051)
    assert one.area == pytest.approx(other.area, abs=1e-4)
    assert (one.crowd, one.segmentation) == (other.crowd, other.segmentation)
    assert one.part_boxes == other.part_boxes


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_WHOLE_BODY], ids=["17", "whole"])
def test_what_is_written_is_read_again(path, skeleton):
    rng = np.random.default_rng(1)
    crowd = {"size": [4, 6], "counts": [3, 9, 12]}
    people = [
        *(labelled_person(rng, skeleton) for _ in range(6)),
        person(2, skeleton, segmentation=TRIANGLE),
        person(3, skeleton, visibility=np.zeros(len(skeleton)), crowd=True, segmentation=crowd),
    ]
    if skeleton is COCO_WHOLE_BODY:
        people.append(person(4, skeleton, part_boxes={"face": (1, 2, 3, 4.5)}))
    samples = [
        LabelledPeople(path.parent / "a" / f"{number}.jpg", tuple(some), number, (480, 640))
        for number, some in ((3, people[:5]), (9, ()), (11, people[5:]))
    ]
    write_people_labels(path, samples)
    back = read_people_labels(path, skeleton=skeleton)
    assert [(s.image, s.image_id, s.size, len(s.people)) for s in back] == [
        (s.image, s.image_id, s.size, len(s.people)) for s in samples
    ]
    for one, other in zip(people, back[0].people + back[2].people, strict=True):
        assert_same(one, other)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
def test_pycocotools_finds_what_is_written(path):
    people = (person(0, segmentation=TRIANGLE), person(1, visibility=np.zeros(17)))
    write_people_labels(path, [LabelledPeople(path.with_name("a.jpg"), people, 5, (40, 60))])
    coco = COCO(str(path))
    first, second = coco.loadAnns(coco.getAnnIds(imgIds=[5]))
    assert (first["num_keypoints"], second["num_keypoints"]) == (17, 0)
    np.testing.assert_array_equal(
        np.reshape(first["keypoints"], (17, 3))[:, 2], people[0].visibility
    )
    assert second["keypoints"] == [0] * 51
    mask = unlabelled_mask([person(0, segmentation=TRIANGLE, crowd=True)], (40, 60))
    np.testing.assert_array_equal(coco.annToMask(first), mask)
    assert coco.loadCats(1)[0]["keypoints"] == list(COCO_17.keypoints)


def test_people_are_added_in_place_of_those_of_the_image(path, tmp_path):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, np.zeros((40, 60, 3), np.uint8))
    first, second = (person(seed, COCO_WHOLE_BODY) for seed in (1, 2))
    add_people_labels(path, tmp_path / "a.png", [first])
    add_people_labels(path, tmp_path / "b.png", [first, second])
    add_people_labels(path, tmp_path / "a.png", [second])
    samples = read_people_labels(path, tmp_path, skeleton=COCO_WHOLE_BODY)
    assert [len(sample.people) for sample in samples] == [1, 2]
    np.testing.assert_allclose(samples[0].people[0].xy, second.xy, atol=0.01)
    np.testing.assert_allclose(samples[1].people[0].xy, first.xy, atol=0.01)
    data = json.loads(path.read_text())
    assert len({each["id"] for each in data["annotations"]}) == 3
    write_people_labels(path, [LabelledPeople(tmp_path / "a.png", (person(),), 1)], force=True)
    with pytest.raises(DataError, match="without faces and hands"):
        add_people_labels(path, tmp_path / "b.png", [first])


def test_an_image_without_a_size_is_read(path):
    write_image(path.with_name("a.png"), np.zeros((12, 34, 3), np.uint8))
    write_people_labels(path, [LabelledPeople(path.with_name("a.png"), (person(),), 1)])
    assert read_people_labels(path, path.parent)[0].size == (12, 34)


def test_nothing_is_left_of_a_file_that_can_not_be_written(path):
    sample = LabelledPeople(path.with_name("missing.png"), (person(),), 1)
    with pytest.raises(ImageError):
        write_people_labels(path, [sample])
    mixed = (person(), person(0, COCO_WHOLE_BODY))
    with pytest.raises(ValueError, match="one skeleton, got coco_17, coco_whole_body"):
        write_people_labels(path, [LabelledPeople(path, mixed, 1, (4, 4))])
    with pytest.raises(ValueError, match="expected one of the skeletons coco_17"):
        write_people_labels(path, [LabelledPeople(path, (person(0, BODY_25),), 1, (4, 4))])
    assert not list(path.parent.iterdir())


def test_whole_bodies_are_body_feet_face_left_and_right_hand(path):
    (found,) = read(path, [annotation()], COCO_WHOLE_BODY)
    rows = np.concatenate([np.reshape(annotation()[name], (-1, 3)) for name in COUNTS])
    np.testing.assert_array_equal(found.xy, rows[:, :2])
    assert found.part_boxes == {"face": (1, 2, 3, 4), "left_hand": (5, 6, 7, 8)}
    (body,) = read(path, [annotation()])
    np.testing.assert_array_equal(body.xy, rows[:17, :2])


def test_a_part_that_is_not_valid_is_not_labelled(path):
    (found,) = read(path, [annotation(lefthand_valid=False)], COCO_WHOLE_BODY)
    names = [COCO_WHOLE_BODY.keypoints[index] for index in np.flatnonzero(~found.labelled)]
    assert len(names) == 21
    assert all(name.startswith("left_hand_") for name in names)


def test_a_keypoint_of_visibility_0_is_not_labelled(path):
    numbers = annotation()["keypoints"]
    numbers[2], numbers[5] = 0, 1
    (found,) = read(path, [annotation(keypoints=numbers)])
    assert found.labelled.tolist() == [False] + [True] * 16
    assert np.isnan(found.xy[0]).all()
    assert found.visibility[:3].tolist() == [0, 1, 2]


def test_crowds_need_no_keypoints_and_other_categories_are_passed_over(path):
    crowd = {"image_id": 7, "category_id": 1, "iscrowd": 1, "bbox": [1, 2, 3, 4], "area": 5}
    crowd |= {"segmentation": {"size": [40, 60], "counts": [0, 2400]}}
    dog = {"image_id": 7, "category_id": 18}
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    (found,) = read(path, [dog, crowd], categories=categories)
    assert found.crowd
    assert unlabelled_mask([found], (40, 60)).all()
    with pytest.raises(DataError, match=r"labels\.json: expected annotations of the category"):
        read(path, [dog], categories=categories)


def without(key):
    return {name: value for name, value in annotation().items() if name != key}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (without("keypoints"), "annotation 0 is not readable: it has no 'keypoints'"),
        (without("image_id"), "annotation 0 is not readable: it has no 'image_id'"),
        (without("face_kpts"), "annotation 0 is not readable: it has no 'face_kpts'"),
        (annotation(keypoints=[1, 2, 2] * 16), "expected 51 numbers in keypoints, got 48"),
        (annotation(foot_kpts=[1, 2, 2]), "expected 18 numbers in foot_kpts, got 3"),
        (annotation(keypoints=["a"] * 51), "could not convert"),
        (annotation(keypoints=[float("inf"), 2, 2] * 17), "finite numbers"),
        (annotation(bbox=[1, 2, 3]), "expected a box"),
        (annotation(bbox=[1, 2, 3, -1]), "expected a box"),
        (annotation(area=float("nan")), "expected a box"),
        (annotation(iscrowd="many"), "annotation 0 is not readable"),
        (annotation(segmentation={"size": [4, 6], "counts": [25]}), "fill the size"),
        (annotation(face_box=[1, 2, 3]), "a box is four finite numbers"),
        (annotation(face_box=7), "annotation 0 is not readable"),
    ],
)
def test_a_damaged_annotation_is_named_in_one_line(path, entry, message):
    with pytest.raises(DataError, match=message) as error:
        read(path, [entry], COCO_WHOLE_BODY)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[1", "[]", "3", "{}", '{"images": [], "annotations": [3]}'])
def test_a_file_that_is_no_label_file_is_named(path, text):
    path.write_text(text)
    with pytest.raises(DataError, match=r"labels\.json"):
        read_people_labels(path)


def test_keypoints_of_other_names_are_refused(path):
    names = ["beak", *COCO_17.keypoints[1:]]
    with pytest.raises(DataError, match=r"labels\.json: expected the keypoints nose, left_eye"):
        read(path, [annotation()], categories=[{"id": 1, "name": "person", "keypoints": names}])
    with pytest.raises(DataError, match="expected annotations of the category"):
        read(path, [annotation()], categories=[{"id": 1, "name": "bird", "keypoints": names}])


# What labelling tools write: categories, whether names are spelt otherwise, what an annotation has
# more than others, and what it lacks.
TOOLS = {
    "cvat": (
        [{"id": 1, "name": "person", "supercategory": ""}],
        False,
        {"attributes": {"occluded": False, "keyframe": True}, "segmentation": [], "id": 1},
        (),
    ),
    "label studio": (
        [{"id": 0, "name": "Box"}, {"id": 1, "name": "default", "supercategory": "default"}],
        False,
        {"id": 0},
        ("area",),
    ),
    "coco annotator": (
        [{"id": 1, "name": "Person", "color": "#fff", "metadata": {}, "keypoint_colors": []}],
        False,
        {"isbbox": False, "color": "#abc", "metadata": {}, "width": 60, "height": 40},
        (),
    ),
    "roboflow": (
        [
            {"id": 0, "name": "people-x7", "supercategory": "none"},
            {"id": 1, "name": "human", "supercategory": "people-x7"},
        ],
        True,
        {"segmentation": [], "extra": {}},
        ("bbox", "area", "num_keypoints"),
    ),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_files_of_labelling_tools_are_read_in_the_order_of_their_names(path, tool):
    categories, spelt_otherwise, more, lacking = TOOLS[tool]
    order = np.random.default_rng(3).permutation(17)
    names = [COCO_17.keypoints[number] for number in order]
    if spelt_otherwise:
        names = [name.replace("_", "-").title() for name in names]
    known = annotation()
    table = np.reshape(known["keypoints"], (17, 3))
    table[4] = 0  # not labelled
    entry = {"image_id": 0, "category_id": categories[-1]["id"], "iscrowd": 0}
    entry |= {"bbox": [1, 2, 30, 40], "area": 700, "num_keypoints": 16} | more
    entry |= {"keypoints": table[order].ravel().tolist()}
    entry = {name: value for name, value in entry.items() if name not in lacking}
    bare = {name: entry[name] for name in ("image_id", "category_id")} | {"bbox": [1, 2, 3, 4]}
    categories = [*categories[:-1], categories[-1] | {"keypoints": names, "skeleton": [[1, 2]]}]
    images = [{"id": 0, "file_name": "images\\a.png", "path": "/datasets/x/a.png"}]
    found, unlabelled = read(path, [entry, bare], images=images, categories=categories)
    labelled = table[:, 2] > 0
    np.testing.assert_array_equal(found.visibility, table[:, 2])
    np.testing.assert_array_equal(found.xy[labelled], table[labelled, :2])
    if "bbox" in lacking:
        low, high = table[labelled, :2].min(axis=0), table[labelled, :2].max(axis=0)
        assert found.box == pytest.approx([*low, *(high - low)])
        assert found.area == pytest.approx(np.prod(high - low))
    else:
        assert (found.box, found.area) == ((1, 2, 30, 40), 1200 if "area" in lacking else 700)
    assert not unlabelled.labelled.any()
    assert unlabelled.area == 12


def test_a_file_without_any_keypoint_is_no_file_of_labelled_people(path):
    boxes = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 5}
    with pytest.raises(DataError, match="expected labelled keypoints of people, got none"):
        read(path, [boxes])


def test_images_must_be_in_a_folder_that_is_given(path):
    write(path, [annotation()])
    with pytest.raises(DataError, match=r"1 of 1 images of .*labels\.json are missing"):
        read_people_labels(path, path.parent)
    assert read_people_labels(path)[0].image == path.with_name("a.png")
    assert read_people_labels(path, limit=0) == []


def test_people_of_an_unlisted_image_are_left_out_with_a_warning(path):
    with pytest.warns(UserWarning, match="the people of images that it does not list"):
        assert len(read(path, [annotation(), annotation(image_id=8)])) == 1


def test_an_unknown_skeleton_is_refused(path):
    with pytest.raises(ValueError, match="coco_whole_body, got mpii_16"):
        read(path, [annotation()], MPII_16)


def test_a_labelled_person_keeps_its_own_arrays():
    xy = np.ones((17, 2))
    kept = person()
    labelled = LabelledPerson(xy, np.ones(17), kept.box, kept.area)
    xy[:] = 5
    assert (labelled.xy == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        labelled.xy[0] = 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.ones((16, 2))}, r"expected xy \(17, 2\)"),
        ({"visibility": np.ones(16)}, r"visibility \(17,\)"),
        ({"xy": np.full((17, 2), np.nan)}, "finite position"),
        ({"visibility": np.full(17, np.nan)}, "finite position"),
    ],
)
def test_labels_that_do_not_fit_are_refused(changes, message):
    fields = {"xy": np.ones((17, 2)), "visibility": np.ones(17), "box": (0, 0, 1, 1), "area": 1}
    with pytest.raises(ValueError, match=message):
        LabelledPerson(**(fields | changes))


@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO], ids=lambda skeleton: skeleton.name)
def test_openposes_bodies_get_their_neck_from_the_shoulders(skeleton):
    labels = person()
    body = labels.converted(skeleton)
    shoulders = [COCO_17.index(f"{side}_shoulder") for side in ("left", "right")]
    np.testing.assert_allclose(body.xy[skeleton.index("neck")], labels.xy[shoulders].mean(axis=0))
    assert body.visibility[skeleton.index("neck")] == labels.visibility[shoulders].min()
    for number, name in enumerate(COCO_17.keypoints):
        np.testing.assert_array_equal(body.xy[skeleton.index(name)], labels.xy[number])
    unknown = {
        name for name, known in zip(skeleton.keypoints, body.labelled, strict=True) if not known
    }
    assert unknown == {name for name in skeleton.keypoints if "toe" in name or "heel" in name}


def test_a_middle_is_labelled_only_where_both_are():
    visibility = np.full(17, 2)
    visibility[COCO_17.index("left_hip")] = 0
    body = person(visibility=visibility).converted(BODY_25)
    assert np.isnan(body.xy[BODY_25.index("mid_hip")]).all()
    assert body.visibility[BODY_25.index("mid_hip")] == 0


def unsure_names(labels, skeleton=BODY_25):
    named = zip(skeleton.keypoints, labels.unsure(skeleton), strict=True)
    return {name for name, unsure in named if unsure}


def test_labels_leave_open_what_they_do_not_know_and_middles_of_one_labelled_keypoint():
    feet = set(COCO_FEET.keypoints)
    assert unsure_names(person()) == feet
    visibility = np.full(17, 2)
    visibility[[COCO_17.index("left_shoulder"), COCO_17.index("nose")]] = 0
    assert unsure_names(person(visibility=visibility)) == feet | {"neck"}
    visibility[COCO_17.index("right_shoulder")] = 0  # no shoulder is in sight, and so no neck
    assert unsure_names(person(visibility=visibility)) == feet
    thorax = np.arange(16) != MPII_16.index("thorax")
    assert unsure_names(person(skeleton=MPII_16, visibility=thorax), BODY_MPI) == {"chest"}


def test_feet_of_whole_bodies_are_open_where_none_of_them_is_labelled(path):
    labelled, bare = read(path, [annotation(), annotation(foot_valid=False)], COCO_WHOLE_BODY)
    assert unsure_names(labelled) == set()
    assert unsure_names(bare) == set(COCO_FEET.keypoints)


def test_only_crowds_and_people_without_keypoints_are_in_the_mask():
    bare = np.zeros(17)
    labelled = person(segmentation={"size": [10, 20], "counts": [0, 200]})
    crowd = person(crowd=True, segmentation={"size": [10, 20], "counts": [0, 10, 190]})
    unknown = person(visibility=bare, box=(5, 2, 3, 4))
    mask = unlabelled_mask([labelled, crowd, unknown], (10, 20))
    expected = np.zeros((10, 20), bool)
    expected[:, 0] = True  # the run down the first column
    expected[2:6, 5:8] = True
    np.testing.assert_array_equal(mask, expected)
    assert not unlabelled_mask([labelled], (10, 20)).any()
