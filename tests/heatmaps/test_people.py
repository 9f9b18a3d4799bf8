from itertools import pairwise

import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, Skeleton
from openpose_keras.heatmaps.connectors import (
    CONNECTORS,
    MISSING,
    People,
    connect_openpose,
    connect_openpose_cpu,
)
from openpose_keras.heatmaps.part_affinity import Limbs
from openpose_keras.heatmaps.people import (
    Thresholds,
    best_people,
    complete_people,
    find_people,
    join_pieces,
    likely_people,
)
from openpose_keras.heatmaps.resize import upsample_stride
from tests.helpers.people import draw_maps, standing

SIZE = (160, 240)
CHAIN = ("a", "b", "c", "d")
LIMBS = (("a", "b"), ("b", "c"), ("c", "d"))
LINE = Skeleton("line", CHAIN, LIMBS, ((0, 0, 0),) * 4, limbs=LIMBS, fields=(0, 2, 4))


def candidates(*heights):
    """Return candidates of the chain, one row of heights a keypoint; the places do not matter."""
    return [
        np.array([[0, 0, height] for height in row], np.float32).reshape(-1, 3) for row in heights
    ]


def limbs(*rows):
    """Return limbs of {(a, b): score}."""
    pairs = [np.array(list(row), int).reshape(-1, 2) for row in rows]
    return [
        Limbs(pair, np.array(list(row.values()), np.float32))
        for pair, row in zip(pairs, rows, strict=True)
    ]


@pytest.mark.parametrize("connector", CONNECTORS)
@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name)
def test_people_who_stand_apart_are_found_whole(skeleton, connector):
    people = [standing(skeleton, middle, 120) for middle in ((70, 80), (170, 78))]
    maps = draw_maps(skeleton, people, SIZE, noise=0.001)
    keypoints, scores = find_people(maps, skeleton, connector=connector)
    assert keypoints.shape == (2, len(skeleton), 3)
    order = keypoints[:, 1, 0].argsort()
    np.testing.assert_allclose(keypoints[order][..., :2], people, atol=1.0)
    assert ((scores > 0.7) & (scores < 1)).all()


@pytest.mark.parametrize("connector", CONNECTORS)
@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name)
def test_people_in_cells_are_those_in_enlarged_maps(skeleton, connector):
    people = [standing(skeleton, (x, 91), 150) for x in (50, 113, 187)]
    maps = draw_maps(skeleton, people, (184, 240))
    cells = maps.reshape(23, 8, 30, 8, -1)[:, 3:5, :, 3:5].mean((1, 3))
    options = {"connector": connector, "offset": 0.5}
    found = find_people(cells, skeleton, stride=8, **options)
    expected = find_people(upsample_stride(cells, 8), skeleton, **options)
    assert len(expected[1]) >= 3
    orders = [keypoints[:, 1, 0].argsort() for keypoints, _ in (found, expected)]  # by their necks
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours[orders[0]], theirs[orders[1]], atol=1e-3)


def test_a_missing_keypoint_is_nan_and_has_no_score():
    person = standing(BODY_COCO, (120, 80), 120)
    person[BODY_COCO.index("left_wrist")] = np.nan
    keypoints, _ = find_people(draw_maps(BODY_COCO, [person], SIZE), BODY_COCO)
    missing = keypoints[0, BODY_COCO.index("left_wrist")]
    assert np.isnan(missing[:2]).all()
    assert missing[2] == 0
    assert np.isfinite(keypoints).all(axis=2).sum() == 17


@pytest.mark.parametrize("connector", CONNECTORS)
def test_empty_maps_have_no_people(connector):
    maps = np.zeros((*SIZE, 57), np.float32)
    keypoints, scores = find_people(maps, BODY_COCO, connector=connector)
    assert keypoints.shape == (0, 18, 3)
    assert scores.shape == (0,)


def test_a_body_without_a_neck_is_one_person_on_the_gpu_and_several_on_the_cpu():
    """OpenPose's CPU program joins what holds a limb's first keypoint and merges nobody."""
    person = standing(BODY_25, (120, 80), 140)
    person[BODY_25.index("neck")] = np.nan
    maps = draw_maps(BODY_25, [person], SIZE)
    limits = Thresholds(keypoints=2)
    counts = [
        len(find_people(maps, BODY_25, connector=name, thresholds=limits)[0])
        for name in ("openpose", "openpose_cpu")
    ]
    assert counts[0] < counts[1]


def test_parts_of_a_person_are_merged_and_keep_the_place_of_the_first():
    found = connect_openpose(
        candidates([0.5, 0.5], [0.5, 0.5], [0.5], [0.5]),
        limbs({(0, 0): 0.9, (1, 1): 0.85}, {(0, 0): 0.3}, {(0, 0): 0.8}),
        LINE,
    )
    assert found.members.tolist() == [[0, 0, 0, 0], [1, 1, MISSING, MISSING]]
    assert found.counts.tolist() == [4, 2]
    np.testing.assert_allclose(found.scores, [4 * 0.5 + 0.9 + 0.3 + 0.8, 2 * 0.5 + 0.85])


def test_people_who_share_a_keypoint_are_not_merged():
    found = connect_openpose(
        candidates([0.5], [0.5, 0.5], [0.5], []),
        limbs({(0, 0): 0.9}, {(1, 0): 0.8, (0, 0): 0.7}, {}),
        LINE,
    )
    assert found.members.tolist() == [[0, 0, MISSING, MISSING], [MISSING, 1, 0, MISSING]]


def test_of_limbs_with_one_score_the_later_ones_come_first():
    """Ties go to the greater limb, then to the greater candidates."""
    found = connect_openpose(
        candidates([0.5, 0.5], [0.5], [], []), limbs({(0, 0): 0.9, (1, 0): 0.9}, {}, {}), LINE
    )
    assert found.members[:, 0].tolist() == [1]
    on_cpu = connect_openpose_cpu(
        candidates([0.5, 0.5], [0.5], [], []), limbs({(0, 0): 0.9, (1, 0): 0.9}, {}, {}), LINE
    )
    assert on_cpu.members[:, 0].tolist() == [1]


def test_a_candidate_without_a_partner_is_a_person_on_the_cpu_only():
    rows = candidates([], [0.7], [], []), limbs({}, {}, {})
    assert len(connect_openpose(*rows, LINE).counts) == 0
    found = connect_openpose_cpu(*rows, LINE)
    assert found.members.tolist() == [[MISSING, 0, MISSING, MISSING]]
    assert found.scores.tolist() == [np.float32(0.7)]


def test_an_ear_that_the_shoulder_finds_is_not_counted_on_the_cpu():
    person = standing(BODY_COCO, (120, 80), 120)
    for name in ("right_eye", "nose"):
        person[BODY_COCO.index(name)] = np.nan
    maps = draw_maps(BODY_COCO, [person], SIZE)
    whole, _ = find_people(maps, BODY_COCO, connector="openpose_cpu")
    assert np.isfinite(whole[0, BODY_COCO.index("right_ear"), 0])


def make_people(*rows):
    """Return people of BODY_25 who have keypoints of these names, scores of 1 each."""
    members = np.full((len(rows), 25), MISSING)
    for row, names in zip(members, rows, strict=True):
        row[[BODY_25.index(name) for name in names]] = 0
    counts = (members != MISSING).sum(axis=1)
    return People(members, counts, counts.astype(np.float32))


def pieces(b_apart):
    """Return two pieces of a line 60 pixels long, whose second keypoint has two peaks."""
    places = [[(0, 0, 0.9)], [(0, 20, 0.5), (b_apart, 20, 0.7)], [(0, 40, 0.8)], [(0, 60, 0.8)]]
    members = np.array([[0, 0, MISSING, MISSING], [MISSING, 1, 0, 0]])
    scores = np.array([2.0, 4.0], np.float32)
    return People(members, np.array([2, 3]), scores), [np.array(each) for each in places]


def test_pieces_with_two_peaks_near_each_other_are_joined_with_the_better_peak():
    joined = join_pieces(*pieces(14.0), 0.25)
    assert joined.members.tolist() == [[0, 1, 0, 0]]
    assert joined.counts.tolist() == [4]
    np.testing.assert_allclose(joined.scores, [2.0 + 4.0 - 0.5])


@pytest.mark.parametrize(("apart", "reach"), [(16.0, 0.25), (14.0, 0.2), (1.0, 0.0)])
def test_pieces_farther_apart_than_the_reach_stay_two_people(apart, reach):
    people, candidates = pieces(apart)
    assert join_pieces(people, candidates, reach).members.tolist() == people.members.tolist()


def test_pieces_with_no_or_several_keypoints_in_common_stay_two_people():
    people, candidates = pieces(1.0)
    for column, index in ((1, MISSING), (2, 0)):
        members = people.members.copy()
        members[0, column] = index
        apart = join_pieces(people._replace(members=members), candidates, 0.25)
        assert apart.members.tolist() == members.tolist()


def test_several_pieces_of_one_person_are_joined_nearest_first():
    people, candidates = pieces(5.0)
    members = np.vstack([people.members, [[MISSING, MISSING, MISSING, 1]]])
    candidates[3] = np.array([(0, 60, 0.8), (2, 60, 0.3)])
    three = People(members, np.array([2, 3, 1]), np.array([2, 4, 0.3], np.float32))
    assert join_pieces(three, candidates, 0.25).members.tolist() == [[0, 1, 0, 0]]


def test_a_weak_limb_completes_a_person_along_a_chain_and_joins_nobody():
    rows = candidates([0.5, 0.5], [0.5, 0.5], [0.4, 0.4], [0.3])
    people = People(
        np.array([[0, MISSING, MISSING, MISSING], [1, 1, MISSING, MISSING]]),
        np.array([1, 2]),
        np.array([0.5, 1.5], np.float32),
    )
    weak = limbs({(0, 0): 0.2, (0, 1): 0.9}, {(0, 0): 0.1, (1, 0): 0.05}, {(0, 0): 0.1})
    found = complete_people(people, rows, weak, LINE)
    # The greatest limb leads from one person to another's candidate, and is not taken.
    assert found.members.tolist() == [[0, 0, 0, 0], [1, 1, MISSING, MISSING]]
    assert found.counts.tolist() == [4, 2]
    np.testing.assert_allclose(found.scores, [0.5 + 0.7 + 0.5 + 0.4, 1.5], rtol=1e-6)
    assert people.members[0].tolist() == [0, MISSING, MISSING, MISSING]  # not written to


@pytest.mark.parametrize(
    ("name", "far", "taken"),
    [("knee", 12.0, 0), ("knee", 14.0, MISSING), ("heel", 6.0, 0), ("heel", 8.0, MISSING)],
)
def test_a_weak_limb_is_not_much_longer_than_those_of_its_person_and_feet_are_short(
    name, far, taken
):
    names = (*CHAIN[:2], name)
    bones = tuple(pairwise(names))
    leg = Skeleton("leg", names, bones, ((0, 0, 0),) * 3, limbs=bones, fields=(0, 2))
    rows = [np.array([[x, 0, 0.5]]) for x in (0.0, 10.0, 10.0 + far)]
    people = People(np.array([[0, 0, MISSING]]), np.array([2]), np.array([1.5]))
    found = complete_people(people, rows, limbs({}, {(0, 0): 0.9}), leg)
    assert found.members.tolist() == [[0, 0, taken]]


def test_a_faint_field_gives_a_sure_person_the_wrist_and_begins_nobody():
    maps = draw_maps(BODY_25, [standing(BODY_25, (120, 80), 140)], SIZE)
    field = len(BODY_25) + 1 + BODY_25.fields[BODY_25.limbs.index(("left_elbow", "left_wrist"))]
    maps[..., field : field + 2] *= 0.04  # below what a limb needs
    wrist = BODY_25.index("left_wrist")
    [[without], [whole]] = (
        find_people(maps, BODY_25, thresholds=Thresholds(weak=weak))[0] for weak in (0.0, 0.5)
    )
    assert np.isnan(without[wrist, 0])
    assert np.isfinite(whole[wrist, 0])
    np.testing.assert_array_equal(np.delete(without, wrist, 0), np.delete(whole, wrist, 0))
    maps[..., len(BODY_25) + 1 :] *= 0.04
    assert len(find_people(maps, BODY_25, thresholds=Thresholds(weak=0.5))[0]) == 0


def test_who_has_feet_and_little_else_is_left_out_unless_nobody_is_left():
    feet = ("left_heel", "left_big_toe", "left_small_toe", "left_ankle", "left_knee")
    arms = ("neck", "left_shoulder", "left_elbow")
    limits = Thresholds()
    assert likely_people(make_people(feet, arms), BODY_25, limits).counts.tolist() == [3]
    assert likely_people(make_people(feet), BODY_25, limits).counts.tolist() == [5]
    maximal = Thresholds.of_openpose(BODY_25, maximize_positives=True)
    assert likely_people(make_people(feet, arms), BODY_25, maximal).counts.tolist() == [5, 3]


def test_who_has_a_low_score_per_keypoint_is_left_out():
    people = make_people(("neck", "nose", "mid_hip"), ("neck", "nose", "mid_hip"))
    people.scores[0] = 3 * np.float32(0.39)
    assert len(likely_people(people, BODY_25, Thresholds()).counts) == 1


@pytest.mark.parametrize(
    ("skeleton", "maximize", "expected"),
    [
        (BODY_25, False, (0.05, 0.05, 0.95, 3, 0.4)),
        (BODY_25, True, (0.02, 0.01, 0.75, 2, 0.05)),
        (BODY_MPI, False, (0.6, 0.01, 0.95, 3, 0.4)),
        (BODY_MPI, True, (0.6, 0.01, 0.75, 2, 0.05)),
    ],
)
def test_thresholds_are_openposes(skeleton, maximize, expected):
    found = Thresholds.of_openpose(skeleton, maximize_positives=maximize)
    assert (found.peak, found.sample, found.fraction, found.keypoints, found.score) == expected


def test_the_best_people_keep_their_order_and_of_equal_ones_the_first_is_kept():
    square = np.array([[0, 0, 1], [10, 10, 1]], np.float32)
    line = np.array([[0, 0, 1], [0, 90, 1]], np.float32)  # no area
    keypoints = np.stack([line, square, square, 2 * square])
    scores = [9, 1, 1, 0.4]
    assert best_people(keypoints, scores, 1).tolist() == [1]
    assert best_people(keypoints, scores, 2).tolist() == [1, 2]
    assert best_people(keypoints, scores, 3).tolist() == [1, 2, 3]
    assert best_people(keypoints, scores, 9).tolist() == [0, 1, 2, 3]
    assert best_people(np.zeros((0, 2, 3)), [], 2).tolist() == []
    for most in (0, 1.5):
        with pytest.raises(ValueError, match=f"positive whole number, not {most}"):
            best_people(keypoints, scores, most)


def test_maps_of_another_network_and_unknown_connectors_are_refused():
    with pytest.raises(ValueError, match=r"\(h, w, 57\) of body_coco, got shape \(4, 4, 22\)"):
        find_people(np.zeros((4, 4, 22)), BODY_COCO)
    with pytest.raises(ValueError, match="among openpose, openpose_cpu, got 'gpu'"):
        find_people(np.zeros((4, 4, 57)), BODY_COCO, connector="gpu")
