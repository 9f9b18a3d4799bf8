"""Label files: what is written is what readers find, and nothing else gets lost."""

import json

import numpy as np
import PIL.Image
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from openpose_keras.core.errors import DataError, ImageError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import (
    LabelledHand,
    add_labels,
    has_labels,
    keypoints_box,
    read_labels,
    write_labels,
)
from openpose_keras.io.images import write_image

FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
MMPOSE = ["wrist", *(f"{finger}{joint}" for finger in FINGERS for joint in (1, 2, 3, 4))]
TIP_FIRST = [0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17]
INTERHAND = [f"{finger}{joint}" for finger in FINGERS for joint in (4, 3, 2, 1)] + ["wrist"]
MEDIAPIPE = ["WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP"]
MEDIAPIPE += [
    f"{finger}_{joint}"
    for finger in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
    for joint in ("MCP", "PIP", "DIP", "TIP")
]


@pytest.fixture
def photos(tmp_path):
    """Three images of different sizes in a folder."""
    (tmp_path / "photos").mkdir()
    paths = [tmp_path / "photos" / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        write_image(path, np.full((60 + number, 80, 3), 9, np.uint8))
    return paths


@pytest.fixture
def labels(tmp_path):
    return tmp_path / "labels.json"


def hand(seed=0, missing=(), side=None):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(1, 60, (21, 2)).round(2), rng.uniform(0.1, 1, 21)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return Hand(xy=xy, scores=scores, box=(1, 2, 70, 70), side=side)


def table(seed=0):
    """(21, 3) labels, all visible."""
    return np.column_stack([hand(seed).xy, np.ones(21)])


def annotation(points=None, **more):
    points = table() if points is None else points
    return {"id": 1, "image_id": 7, "keypoints": np.ravel(points).tolist(), **more}


def write(path, annotations, **more):
    """Write a file of others: one image with the id 7, which lies beside the file."""
    (path.parent / "a.png").touch()
    data = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": annotations, **more}
    path.write_text(json.dumps(data))
    return path


def read(path, annotations, **more):
    """The hands of such a file."""
    return read_labels(write(path, annotations, **more))[0].hands


def content(path):
    return json.loads(path.read_bytes())


# --- written


def test_labels_come_back_as_they_were_written(labels, photos):
    first, second, third = hand(0, missing=(3, 20), side="left"), hand(1), hand(2, side="right")
    kept = LabelledHand(third.xy, (1, 2, 70, 60), "right")
    nothing = hand(missing=range(21))
    write_labels(labels, {photos[0]: [first, nothing, second], photos[1]: [], photos[2]: [kept]})
    samples = read_labels(labels)
    assert [sample.image.resolve() for sample in samples] == photos
    assert [len(sample.hands) for sample in samples] == [2, 0, 1]
    found = [each for sample in samples for each in sample.hands]
    boxes = (keypoints_box(first.xy), keypoints_box(second.xy), kept.box)
    for mine, theirs, box in zip((first, second, third), found, boxes, strict=True):
        np.testing.assert_allclose(theirs.xy, mine.xy, atol=1e-9)
        assert theirs.side == mine.side
        assert theirs.box == pytest.approx(box, abs=0.0051)


def test_crowds_come_back_as_boxes_and_are_no_hands(labels, photos):
    box = (5.0, 6.0, 7.5, 8.0)
    write_labels(labels, {photos[0]: [hand(0)], photos[1]: []}, crowds={photos[1]: [box]})
    first, second = read_labels(labels)
    assert (len(first.hands), first.crowds) == (1, ())
    assert (len(second.hands), second.crowds) == (0, (box,))


def test_images_that_were_scaled_after_they_were_labelled_are_told(labels, photos):
    write_labels(labels, {photo: [hand(0)] for photo in photos[:2]})
    with PIL.Image.open(photos[1]) as image:
        width, height = image.size
        image.resize((2 * width, 2 * height)).save(photos[1])
    with pytest.warns(UserWarning, match=f"1 images .*1.png is {2 * width} x {2 * height}"):
        assert len(read_labels(labels)) == 2
    told = json.loads(labels.read_text())
    for entry in told["images"]:
        entry["width"], entry["height"] = 0, None
    labels.write_text(json.dumps(told))
    assert len(read_labels(labels)) == 2


def test_the_size_of_an_image_that_its_exif_data_turn_may_be_told_either_way(labels, photos):
    write_labels(labels, {photos[0]: [hand(0)]})
    told = json.loads(labels.read_text())
    entry = told["images"][0]
    entry["width"], entry["height"] = entry["height"], entry["width"]
    labels.write_text(json.dumps(told))
    assert len(read_labels(labels)) == 1


def test_a_hand_may_have_a_box_and_no_keypoint(labels, photos):
    boxed = LabelledHand(np.full((21, 2), np.nan), (5.0, 6.0, 7.5, 8.0), "left")
    write_labels(labels, {photos[0]: [boxed, hand(0)]})
    first, _ = read_labels(labels)[0].hands
    assert (first.box, first.side) == (boxed.box, "left")
    assert np.isnan(first.xy).all()
    assert len(read_labels(labels, boxes="keypoints")[0].hands) == 1


def test_pycocotools_reads_scores_and_draws_what_is_written(labels, photos):
    write_labels(labels, {photos[0]: [hand(0, missing=(5,)), hand(1)], photos[1]: [hand(2)]})
    truth = COCO(labels)
    names = [entry["file_name"] for entry in truth.loadImgs(truth.getImgIds())]
    assert names == ["photos/0.png", "photos/1.png"]
    (category,) = truth.loadCats(truth.getCatIds(catNms=["hand"]))
    named = [[category["keypoints"][number - 1] for number in e] for e in category["skeleton"]]
    assert named == [list(edge) for edge in HAND.edges]
    found = [entry | {"score": 0.9} for entry in truth.dataset["annotations"]]
    for kind, sigmas in (("bbox", None), ("keypoints", np.full(21, 0.05))):
        score = COCOeval(truth, truth.loadRes([dict(entry) for entry in found]), kind)
        score.params.kpt_oks_sigmas = sigmas
        score.evaluate()
        score.accumulate()
        score.summarize()
        assert score.stats[0] == pytest.approx(1)


def test_file_names_lead_from_the_files_folder_to_images_elsewhere(tmp_path, photos, monkeypatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = tmp_path / "deep" / "er" / "labels.json"
    monkeypatch.chdir(tmp_path)
    write_labels("deep/er/labels.json", {"photos/0.png": [hand()]})
    assert content(path)["images"][0]["file_name"] == "../../photos/0.png"
    monkeypatch.chdir("/")
    assert read_labels(path)[0].image.resolve() == photos[0]


def test_nothing_is_overwritten_and_missing_folders_and_images_are_named(tmp_path, labels, photos):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_labels(tmp_path / "nowhere" / "labels.json", {photos[0]: [hand()]})
    with pytest.raises(ImageError, match=r"no\.png"):
        write_labels(labels, {tmp_path / "no.png": [hand()]})
    assert not labels.exists()
    labels.write_text("mine")
    with pytest.raises(FileExistsError, match=r"labels\.json"):
        write_labels(labels, {photos[0]: [hand()]})
    assert labels.read_text() == "mine"
    write_labels(labels, {photos[0]: [hand()]}, force=True)
    assert len(read_labels(labels)) == 1


# --- added


def test_added_hands_replace_those_of_their_image_only(labels, photos, monkeypatch):
    write_labels(labels, {photos[0]: [hand(0)], photos[1]: [hand(1), hand(2)]})
    data = content(labels) | {"licenses": [{"id": 4}]}
    data["annotations"][0]["note"] = "a tattoo"
    body = {"id": 90, "image_id": 2, "category_id": 5, "keypoints": [1] * 51}
    data["annotations"].append(body)
    labels.write_text(json.dumps(data))
    for _ in range(2):  # adding the same twice changes nothing
        add_labels(labels, photos[1], [hand(5, side="right")])
    monkeypatch.chdir(labels.parent)
    add_labels("labels.json", "photos/../photos/2.png", [hand(7)])
    first, second, third = read_labels(labels)
    np.testing.assert_array_equal(first.hands[0].xy, hand(0).xy)
    (found,) = second.hands
    np.testing.assert_array_equal(found.xy, hand(5).xy)
    assert (found.side, third.image.name) == ("right", "2.png")
    after = content(labels)
    assert after["licenses"] == [{"id": 4}]
    assert after["annotations"][:2] == [data["annotations"][0], body]
    for key in ("images", "annotations"):
        assert len({entry["id"] for entry in after[key]}) == len(after[key])
    assert has_labels(labels, photos[2])
    assert not has_labels(labels, photos[2].parent / "3.png")


@pytest.mark.parametrize(
    ("categories", "number"),
    [
        ([], 1),
        ([{"id": 0, "name": "hands"}, {"id": 7, "name": "hand", "keypoints": MMPOSE}], 7),
        ([{"id": 1, "name": "person", "keypoints": ["nose"] * 17}], 2),
    ],
)
def test_added_hands_have_the_category_of_hands(labels, photos, categories, number):
    add_labels(write(labels, [], categories=categories), photos[0], [hand()])
    data = content(labels)
    assert data["annotations"][0]["category_id"] == number
    assert number in [category["id"] for category in data["categories"]]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"info": {"description": "RHD"}}, "in another order"),
        ({"categories": [{"id": 1, "keypoints": INTERHAND}]}, "in another order"),
        ({"annotations": [{"image_id": 0, "lefthand_kpts": []}]}, "whole bodies"),
        ({"annotations": [{}]}, "not readable"),
        ({"images": [{"id": 0}]}, "not readable"),
        ({"images": None}, "no list"),
    ],
)
def test_files_of_another_kind_are_left_alone(labels, photos, more, message):
    labels.write_text(json.dumps({"images": [], "annotations": [], **more}))
    before = labels.read_bytes()
    with pytest.raises(DataError, match=message):
        add_labels(labels, photos[0], [hand()])
    assert labels.read_bytes() == before


# --- read


def test_keypoints_are_read_flat_and_as_triples_without_those_of_visibility_0(labels):
    points = table()
    points[5], points[6, 2] = 0, 2
    flat, nothing = annotation(points, bbox=[1, 2, 30, 40]), annotation(np.zeros((21, 3)))
    nested = flat | {"keypoints": points.tolist()}
    for found in read(labels, [flat, nothing, nested]):
        assert np.flatnonzero(np.isnan(found.xy).any(axis=1)).tolist() == [5]
        np.testing.assert_array_equal(np.delete(found.xy, 5, 0), np.delete(points[:, :2], 5, 0))
        assert (found.box, found.side) == ((1, 2, 30, 40), None)


def test_whole_bodies_have_valid_hands_with_their_sides(labels):
    person = annotation([0] * 51) | {
        "lefthand_box": [1, 1, 20, 30],
        "lefthand_kpts": table(1).ravel().tolist(),
        "lefthand_valid": True,
        "righthand_box": [2, 2, 30, 20],
        "righthand_kpts": table(2).ravel().tolist(),
        "righthand_valid": True,
    }
    invalid = person | {"lefthand_valid": False, "righthand_valid": False}
    first, second = read(labels, [person, invalid, person | {"iscrowd": 1}])
    assert (first.side, second.side) == ("left", "right")
    np.testing.assert_array_equal(first.xy, table(1)[:, :2])
    assert second.box == (2, 2, 30, 20)


@pytest.mark.parametrize(
    ("listed", "about"),
    [
        (TIP_FIRST, {"info": {"description": "RHD"}, "categories": [{"keypoints": MMPOSE}]}),
        (TIP_FIRST, {"categories": [{"id": 3, "keypoints": [MMPOSE[n] for n in TIP_FIRST]}]}),
        ([MMPOSE.index(name) for name in INTERHAND], {"categories": [{"keypoints": INTERHAND}]}),
        (TIP_FIRST, {"categories": [{"keypoints": [HAND.keypoints[n] for n in TIP_FIRST]}]}),
        (TIP_FIRST, {"categories": [{"keypoints": [MEDIAPIPE[n] for n in TIP_FIRST]}]}),
        (range(21), {"categories": [{"keypoints": MEDIAPIPE}]}),
        (range(21), {"info": {"description": "FreiHAND"}}),
        (
            range(21),
            {
                "info": {"description": "my rendered hands"},
                "categories": [{"keypoints": list(HAND.keypoints)}],
            },
        ),
    ],
)
def test_keypoints_come_in_the_order_of_openpose(labels, listed, about):
    (found,) = read(labels, [annotation(table()[list(listed)], category_id=3)], **about)
    np.testing.assert_array_equal(found.xy, table()[:, :2])


def test_an_order_that_is_stated_beats_the_file(labels):
    path = write(labels, [annotation()], categories=[{"id": 1, "keypoints": ["kp"] * 21}])
    with pytest.raises(DataError, match=r"got kp, kp, .*: rename them"):
        read_labels(path)
    for order, listed in (("openpose", range(21)), ("rhd", TIP_FIRST)):
        (found,) = read_labels(path, order=order)[0].hands
        np.testing.assert_array_equal(found.xy, table()[list(listed), :2])


def test_boxes_come_from_the_file_or_from_the_keypoints(labels):
    tight = keypoints_box(table()[:, :2])
    hands = read(labels, [annotation(bbox=[0, 0, 99, 99]), annotation(bbox=[0, 0, 0, 0])])
    assert [found.box for found in hands] == [(0, 0, 99, 99), tight]
    assert read_labels(labels, boxes="keypoints")[0].hands[0].box == tight


def test_the_limit_counts_images_also_those_without_hands(labels):
    images = [{"id": number, "file_name": "a.png"} for number in ("6", "7", 8)]
    path = write(labels, [annotation(iscrowd="0"), annotation(iscrowd="1")], images=images)
    assert [len(sample.hands) for sample in read_labels(path)] == [0, 1, 0]
    assert [len(sample.hands) for sample in read_labels(path, limit=2)] == [0, 1]


def test_hands_of_images_that_are_not_listed_are_told(labels):
    other = annotation() | {"image_id": 8}
    with pytest.warns(UserWarning, match="images that it does not list are left out: 8"):
        assert len(read(labels, [annotation(), other])) == 1
    with pytest.raises(DataError, match="one image an id"):
        read(labels, [annotation()], images=[{"id": 7, "file_name": "a.png"}] * 2)


def test_annotations_that_are_not_hands_are_passed_over(labels):
    box = {"id": 2, "image_id": 7, "bbox": [0, 0, 9, 9]}
    others = [box, box | {"keypoints": []}, box | {"keypoints": [1] * 51}]
    assert len(read(labels, [*others, annotation()])) == 1


def test_separators_of_windows_are_read_everywhere(labels, photos):
    entry = {"id": 7, "file_name": "photos\\0.png"}
    path = write(labels, [annotation()], images=[entry])
    assert read_labels(path)[0].image.resolve() == photos[0]
    add_labels(path, photos[0], [hand(3)])
    assert content(path)["images"] == [entry]


@pytest.mark.parametrize(
    "name", ["/home/me/0.png", "C:\\me\\0.png", "/data/local-files/?d=0.png", "images/0.png"]
)
def test_images_are_found_by_their_own_name_where_folders_are_those_of_another_machine(
    labels, photos, name
):
    entry = {"id": 7, "file_name": name}
    path = write(photos[0].parent / "labels.json", [annotation()], images=[entry])
    assert read_labels(path)[0].image == photos[0]
    add_labels(path, photos[0], [hand(3)])
    assert content(path)["images"] == [entry]
    ambiguous = [entry, {"id": 8, "file_name": "other/0.png"}]
    with pytest.raises(DataError, match="2 of 2 images"):
        read_labels(write(path, [annotation()], images=ambiguous))


# Categories, file names and more that tools write into an annotation of a hand.
TOOLS = {
    "cvat": ([{"id": 1, "name": "hand"}], "a.png", {"attributes": {"occluded": False}, "area": 9}),
    "label studio": ([{"id": 0, "name": "Hand"}, {"id": 1, "name": "default"}], "images/a.png", {}),
    "coco annotator": (
        [{"id": 4, "name": "hand", "keypoint_colors": []}, {"id": 5, "name": "cup"}][::-1],
        "a.png",
        {"isbbox": False, "color": "#abc", "metadata": {}, "segmentation": []},
    ),
    "roboflow": (
        [{"id": 0, "name": "hands"}, {"id": 1, "name": "hand", "supercategory": "hands"}],
        "a.png",
        {"segmentation": [], "bbox": [1, 2, 30, 40]},
    ),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_files_of_labelling_tools_are_read_and_stay_usable(labels, photos, tool):
    categories, name, more = TOOLS[tool]
    order = np.random.default_rng(3).permutation(21)
    category = categories[-1] | {"keypoints": [MEDIAPIPE[number] for number in order]}
    categories = [*categories[:-1], category | {"skeleton": []}]
    images = [{"id": 0, "file_name": name, "path": "/datasets/a.png", "annotated": True}]
    points = table()
    points[:, 2], points[4] = 2, 0
    entry = annotation(points[order], category_id=category["id"], iscrowd=0, **more)
    other = {"id": 2, "image_id": 0, "category_id": categories[0]["id"], "segmentation": [[1, 2]]}
    (found,) = read(labels, [entry | {"image_id": 0}, other], images=images, categories=categories)
    labelled = points[:, 2] > 0
    np.testing.assert_array_equal(found.xy[labelled], points[labelled, :2])
    assert np.isnan(found.xy[4]).all()
    with pytest.raises(DataError, match="keeps hands in another order"):
        add_labels(labels, photos[0], [hand(1)])


@pytest.mark.parametrize(
    "names", [[str(n) for n in range(1, 22)], [f"new-point-{n}" for n in range(21)]]
)
def test_names_that_tools_make_up_do_not_say_the_order(labels, names):
    with pytest.raises(DataError, match="state their order, openpose or rhd"):
        read(labels, [annotation(category_id=1)], categories=[{"id": 1, "keypoints": names}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "is not a JSON file"),
        ("[]", "expected a JSON object, got list"),
        ('{"images": []}', 'no list "annotations"'),
        ('{"images": [], "annotations": [{"keypoints": [1]}]}', "21 labelled keypoints a hand"),
        ('{"images": [], "annotations": [7]}', 'no list "annotations" of objects'),
        ('{"images": [{}], "annotations": []}', "an image is not readable: it has no 'id'"),
        ('{"images": [{"id": 1, "file_name": "no.jpg"}], "annotations": []}', r"no\.jpg"),
    ],
)
def test_a_wrong_file_is_refused_by_name(labels, text, message):
    labels.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_labels(labels)
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize("options", [{"order": "coco"}, {"boxes": "mine"}])
def test_unknown_options_of_the_reader_are_refused(labels, options):
    with pytest.raises(ValueError, match="to be one of"):
        read_labels(labels, **options)


@pytest.mark.parametrize(
    ("xy", "box", "side"),
    [
        (np.zeros((20, 2)), (0, 0, 1, 1), None),
        (np.zeros((21, 2)), (0, 0, 0, 0), None),
        (np.zeros((21, 2)), (0, 0, 1, 1), "both"),
    ],
)
def test_a_labelled_hand_checks_its_parts(xy, box, side):
    with pytest.raises(ValueError, match=r"hand|box|side"):
        LabelledHand(xy, box, side)
    assert not LabelledHand.from_keypoints(np.zeros((21, 2))).xy.flags.writeable


def test_the_box_of_one_keypoint_has_a_size():
    assert keypoints_box([[3, 4], [np.nan, np.nan]]) == (3, 4, 1, 1)
    with pytest.raises(ValueError, match="at least one"):
        keypoints_box(np.full((21, 2), np.nan))
