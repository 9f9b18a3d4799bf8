import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from openpose_keras.core.errors import TrainingError
from openpose_keras.core.skeletons import BODY_25, COCO_WHOLE_BODY, HAND
from openpose_keras.io.coco_masks import fill_segmentation
from openpose_keras.io.coco_people import LabelledPeople, read_people_labels, write_people_labels
from openpose_keras.training.bodies.write_people import labelled_people, write_people
from openpose_keras.training.synthesis.people.render import Labels

SIZE = (40, 60)


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    points = [rng.uniform(0, 39, (3, *shape, 2)) for shape in ((25,), (2, 21))]
    keypoints, hands = (
        np.concatenate([each, rng.integers(0, 3, (*each.shape[:-1], 1))], -1).astype(np.float32)
        for each in points
    )
    masks = np.zeros((3, *SIZE), bool)
    masks[0, 5:20, 7:30] = rng.random((15, 23)) < 0.5
    masks[1, :, 0] = masks[1, -1, -1] = True
    return Labels(keypoints, hands, masks, np.ones(3, np.float32))


def test_body_feet_hands_and_mask_survive_the_file(labels, tmp_path):
    people = labelled_people(labels)
    assert len(people) == 2  # of the third one nothing is seen
    sample = LabelledPeople(tmp_path / "a.jpg", people, 0, SIZE)
    write_people_labels(tmp_path / "labels.json", [sample])
    (read,) = read_people_labels(tmp_path / "labels.json", skeleton=None)
    for number, person in enumerate(read.people):
        body, keypoints = person.converted(BODY_25), labels.keypoints[number]
        for index, name in enumerate(BODY_25.keypoints):
            if name not in ("neck", "mid_hip"):
                assert body.visibility[index] == keypoints[index, 2]
                if keypoints[index, 2]:
                    assert_allclose(body.xy[index], keypoints[index, :2], atol=0.006)
        start = COCO_WHOLE_BODY.index("right_hand_wrist")
        assert_array_equal(
            person.visibility[start : start + len(HAND)], labels.hands[number, 1, :, 2]
        )
        assert_array_equal(fill_segmentation(person.segmentation, SIZE), labels.masks[number])
        rows, columns = np.nonzero(labels.masks[number])
        assert_allclose(person.box[:2], (columns.min() - 0.5, rows.min() - 0.5))
        assert person.area == labels.masks[number].sum()


def test_neck_and_middle_of_the_hips_follow_from_shoulders_and_hips(labels):
    labels.keypoints[..., 2] = 2
    body = labelled_people(labels)[0].converted(BODY_25)
    for name, side in (("neck", "shoulder"), ("mid_hip", "hip")):
        ends = [BODY_25.index(f"{each}_{side}") for each in ("left", "right")]
        assert_allclose(body.xy[BODY_25.index(name)], labels.keypoints[0, ends, :2].mean(0))


def test_a_set_is_never_overwritten(tmp_path):
    (tmp_path / "annotations.json").write_text("{}")
    with pytest.raises(TrainingError, match="expected a new folder"):
        write_people(tmp_path, assets=tmp_path)
