import numpy as np
import pytest

from openpose_keras.training.hands.photo_set_tables import GROUPS, HELD_OUT, MARKED
from openpose_keras.training.hands.photo_sets import load_marked_photos, load_photo_sets, split
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import found_hand, open_hand, write_photo_sets

SIZE = (480, 360)


def load(folder, labels, size=SIZE, stored=None):
    write_photo_sets(folder, labels, size, stored)
    return load_photo_sets(folder)


def load_one(folder, hands, file="made_up/0001.jpg"):
    return load(folder, {file: hands})[0]


def test_hand_whose_readings_agree_is_trusted(tmp_path):
    photo = load_one(tmp_path, [found_hand()])
    (hand,) = photo.hands
    np.testing.assert_allclose(hand.xy, open_hand((200, 180), 100), atol=1e-4)
    assert hand.xy.dtype == np.float32
    assert hand.right == 1.0
    assert len(photo.doubtful) == len(photo.not_hands) == 0


@pytest.mark.parametrize(
    "hand",
    [
        found_hand(presence=0.7),
        found_hand(spread=0.05),
        found_hand(size=15),
        found_hand(middle=(470, 180)),
    ],
    ids=["absent", "unsteady", "tiny", "cut off"],
)
def test_other_hand_is_doubtful_within_the_box_of_its_keypoints(tmp_path, hand):
    photo = load_one(tmp_path, [hand])
    assert not photo.hands
    xy = np.array(hand["keypoints"])
    expected = [[*xy.min(axis=0), *np.ptp(xy, axis=0)]]
    np.testing.assert_allclose(photo.doubtful, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("right", "sides"),
    [
        ([0.95], [1]),
        ([0.05], [0]),
        ([0.55], [np.nan]),
        ([0.95, 0.45], [1, 0]),
        ([0.45, 0.95], [0, 1]),
        ([0.05, 0.95], [0, 1]),
        ([0.95, 0.9], [np.nan, np.nan]),
        ([0.45, 0.55], [np.nan, np.nan]),
        ([0.95, 0.9, 0.05], [1, 1, 0]),
    ],
)
def test_two_hands_of_a_photo_have_different_sides(tmp_path, right, sides):
    hands = [
        found_hand((90 + 140 * index, 180), right=side, spread=0.01 + index / 1000)
        for index, side in enumerate(right)
    ]
    np.testing.assert_equal([hand.right for hand in load_one(tmp_path, hands).hands], sides)


def test_hand_found_twice_counts_once_as_read_more_steadily(tmp_path):
    photo = load_one(
        tmp_path, [found_hand((205, 180), spread=0.03), found_hand((200, 180), spread=0.01)]
    )
    (hand,) = photo.hands
    np.testing.assert_allclose(hand.xy, open_hand((200, 180), 100), atol=1e-4)
    assert len(photo.doubtful) == 0


def test_what_was_seen_to_be_no_hand_is_kept_apart(tmp_path):
    photo = load_one(tmp_path, [found_hand(), found_hand((350, 180))], "counting_one_man/0028.jpg")
    assert len(photo.hands) == len(photo.not_hands) == 1
    assert photo.hands[0].xy[:, 0].max() < 275 < photo.not_hands[0, 0]


def test_hand_that_was_seen_to_be_misread_is_doubtful(tmp_path):
    photo = load_one(tmp_path, [found_hand(), found_hand((350, 180))], "counting_one_man/0108.jpg")
    assert len(photo.hands) == len(photo.doubtful) == 1


def test_photo_without_a_hand_stays_only_where_it_may_show_none(tmp_path):
    empty = {"lab_gestures/0701.jpg": [], "asl_letters/0001.jpg": []}
    assert [photo.file for photo in load(tmp_path, empty)] == ["lab_gestures/0701.jpg"]


def test_whole_body_needs_both_hands(tmp_path):
    one, both = [found_hand()], [found_hand(), found_hand((350, 180), presence=0.5)]
    photos = load(tmp_path, {"lab_gestures/0001.jpg": one, "lab_gestures/0002.jpg": both})
    assert [photo.file for photo in photos] == ["lab_gestures/0002.jpg"]


def test_mosaic_is_left_out(tmp_path):
    labels = {"gesture_homes/0051.jpg": [found_hand((110, 110))]}
    assert len(load(tmp_path, labels, (224, 224))) == 1
    assert not load(tmp_path, labels, (480, 320))


def test_photo_that_is_missing_from_its_archive_is_left_out(tmp_path):
    labels = {"made_up/0001.jpg": [found_hand()], "made_up/0002.jpg": [found_hand()]}
    photos = load(tmp_path, labels, stored=["made_up/0002.jpg"])
    assert [photo.file for photo in photos] == ["made_up/0002.jpg"]
    (tmp_path / "made_up.tar").unlink()
    assert not load_photo_sets(tmp_path)


def test_image_is_rgb(tmp_path):
    image = load_one(tmp_path, [found_hand()]).image()
    assert image.shape == (360, 480, 3)
    assert image[0, 0, 0] > 200 > 50 > image[0, 0, 2]


@pytest.mark.parametrize("name", sorted({file.split("/")[0] for file in MARKED}))
def test_marked_photos_are_held_out(tmp_path, name):
    hands = [found_hand((60 + 110 * index, 180)) for index in range(4)]
    labels = {file: hands for file in MARKED if file.startswith(f"{name}/")}
    size = {"gesture_homes": (224, 224), "signers": (480, 269)}.get(name, SIZE)
    shown, held_out = split(load(tmp_path, labels, size))
    assert not shown
    assert {photo.file for photo in held_out} == set(labels)


def test_marked_photos_have_boxes_and_sides(tmp_path):
    write_photo_sets(tmp_path, {file: [] for file in MARKED}, SIZE)
    photos = load_marked_photos(tmp_path)
    hands = [hand for photo in photos for hand in photo.hands]
    assert (len(photos), len(hands), sum(len(photo.crowds) for photo in photos)) == (60, 84, 3)
    rights = np.array([right for _, right in hands])
    assert ((rights == 0).sum(), (rights == 1).sum(), np.isnan(rights).sum()) == (36, 39, 9)
    assert photos[0].hands == (((46.0, 81.0, 62.0, 97.0), 0.0),)
    (tmp_path / "signers.tar").unlink()
    with pytest.raises(FileNotFoundError, match=r"the photo signers/\d{4}\.jpg in a tar file"):
        load_marked_photos(tmp_path)


def test_no_photo_is_in_two_groups():
    numbers: dict[str, list[int]] = {}
    for group, ranges in GROUPS.items():
        for part in ranges.split():
            first, _, last = part.partition("-")
            numbers.setdefault(group.split("/")[0], []).extend(
                range(int(first), int(last or first) + 1)
            )
    assert all(len(of_set) == len(set(of_set)) for of_set in numbers.values())
    assert {group for group in HELD_OUT if "/" in group} <= set(GROUPS)


def test_sets_give_many_hands_and_share_no_group():
    folder = assets_folder() / "hand_photos_2"
    if not folder.is_dir():
        pytest.skip(f"no labelled photos in {folder}")
    shown, held_out = split(load_photo_sets(folder))
    hands = [hand for photo in shown for hand in photo.hands]
    assert len(hands) > 1800
    assert 0.3 < np.nanmean([hand.right for hand in hands]) < 0.8
    assert not {photo.group for photo in shown} & {photo.group for photo in held_out}
