import dataclasses
import itertools

import pytest

from openpose_keras.core.skeletons import (
    BODY_25,
    BODY_COCO,
    BODY_MPI,
    COCO_17,
    COCO_FEET,
    COCO_WHOLE_BODY,
    FACE,
    HAND,
    MPII_16,
    Skeleton,
)

RED, GREEN = (255, 0, 0), (0, 255, 0)


def test_hand_has_21_keypoints_of_different_names():
    assert len(HAND) == len(HAND.keypoints) == len(set(HAND.keypoints)) == 21


def test_hand_is_in_openposes_order():
    positions = {"wrist": 0, "thumb_cmc": 1, "thumb_tip": 4, "index_mcp": 5, "middle_pip": 10}
    positions |= {"ring_dip": 15, "little_mcp": 17, "little_tip": 20}
    assert {name: HAND.index(name) for name in positions} == positions


def test_hand_edges_are_five_chains_from_the_wrist():
    chains = [[0, *range(first, first + 4)] for first in (1, 5, 9, 13, 17)]
    expected = [pair for chain in chains for pair in itertools.pairwise(chain)]
    assert list(HAND.edge_indices) == expected


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("wrist", (100, 100, 100)),
        ("thumb_cmc", (100, 0, 0)),
        ("thumb_tip", (255, 0, 0)),
        ("index_pip", (150, 150, 0)),
        ("middle_tip", (0, 255, 125)),
        ("ring_dip", (0, 100, 200)),
        ("little_tip", (255, 0, 255)),
    ],
)
def test_colors_are_openposes(name, color):
    assert HAND.colors[HAND.index(name)] == color


def test_a_skeleton_is_frozen_hashable_and_compared_by_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HAND.name = "foot"
    again = Skeleton("hand", list(HAND.keypoints), list(HAND.edges), list(HAND.colors))
    assert again == HAND
    assert hash(again) == hash(HAND)


def test_an_unknown_keypoint_is_named_in_the_error():
    with pytest.raises(ValueError, match=r"no keypoint 'pinky_tip'.*little_tip"):
        HAND.index("pinky_tip")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": ("a", "a")}, "names of their own"),
        ({"edges": (("a", "c"),)}, "an edge is a pair"),
        ({"edges": (("a", "a"),)}, "an edge is a pair"),
        ({"edges": (("a", "b", "a"),)}, "an edge is a pair"),
        ({"mirror_pairs": (("a", "c"),)}, "an edge is a pair"),
        ({"colors": (RED,)}, "2 keypoints need as many colours, not 1"),
        ({"colors": (RED, (0, 0))}, "a colour is"),
        ({"colors": (RED, (0, 0, 256))}, "a colour is"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    parts = {"name": "arm", "keypoints": ("a", "b"), "edges": (("a", "b"),), "colors": (RED, GREEN)}
    with pytest.raises(ValueError, match=message):
        Skeleton(**(parts | changes))


def test_a_skeleton_without_edges_is_allowed():
    assert Skeleton("dots", ("a",), (), (RED,)).edge_indices == ()


def test_a_face_has_openposes_70_points_and_63_lines_without_the_pupils():
    assert (len(FACE), len(FACE.edges)) == (70, 63)
    first = {"contour_1": 0, "right_brow_1": 17, "nose_bridge_1": 27, "right_eye_1": 36}
    first |= {"left_eye_1": 42, "outer_lip_1": 48, "inner_lip_1": 60, "right_pupil": 68}
    assert {name: FACE.index(name) for name in first} == first
    assert not {name for edge in FACE.edges for name in edge} & {"left_pupil", "right_pupil"}


@pytest.mark.parametrize(
    ("body", "keypoints", "limbs", "edges"),
    [(BODY_25, 25, 26, 24), (BODY_COCO, 18, 19, 17), (BODY_MPI, 15, 14, 14)],
)
def test_bodies_have_a_field_for_each_limb_and_an_edge_unless_it_joins_ear_and_shoulder(
    body, keypoints, limbs, edges
):
    assert (len(body), len(body.limbs), len(body.edges)) == (keypoints, limbs, edges)
    assert sorted(body.fields) == list(range(0, 2 * limbs, 2))
    others = [limb for limb in body.limbs if limb not in body.edges]
    assert all("shoulder" in start and "ear" in end for start, end in others)
    assert {name for limb in body.limbs for name in limb} == set(body.keypoints)


@pytest.mark.parametrize("fields", [(), (1,), (0, 2)])
def test_fields_that_are_not_one_for_each_limb_are_refused(fields):
    names = ("elbow", "wrist")
    with pytest.raises(ValueError, match="the fields of 1 limbs"):
        Skeleton("arm", names, (names,), (RED, GREEN), limbs=(names,), fields=fields)


@pytest.mark.parametrize(
    "skeleton",
    [BODY_25, BODY_COCO, BODY_MPI, FACE, COCO_17, COCO_FEET, COCO_WHOLE_BODY, MPII_16],
    ids=lambda skeleton: skeleton.name,
)
def test_a_mirrored_skeleton_has_the_same_edges(skeleton):
    mirror = skeleton.mirror_indices
    assert [mirror[other] for other in mirror] == list(range(len(skeleton)))
    edges = {frozenset(edge) for edge in skeleton.edge_indices}
    assert {frozenset(mirror[end] for end in edge) for edge in edges} == edges
    one_sided = [name for name in skeleton.keypoints if name.startswith(("left_", "right_"))]
    assert all(mirror[skeleton.index(name)] != skeleton.index(name) for name in one_sided)


# configs/_base_/datasets/coco_wholebody.py of MMPose
@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((0, 16), (8, 8), (17, 26), (27, 27), (31, 35), (36, 45), (37, 44), (40, 47), (41, 46)),
        *((48, 54), (50, 52), (51, 51), (55, 59), (57, 57), (60, 64), (61, 63), (65, 67), (68, 69)),
    ],
)
def test_points_of_a_face_change_places_as_in_mmpose(one, other):
    assert (FACE.mirror_indices[one], FACE.mirror_indices[other]) == (other, one)


def test_whole_body_lists_body_feet_face_and_hands_of_coco():
    names = COCO_WHOLE_BODY.keypoints
    assert names[:23] == COCO_17.keypoints + COCO_FEET.keypoints
    assert names[23:91] == FACE.keypoints[:68]
    assert [name.split("_hand_") for name in names[91:]] == [
        [side, name] for side in ("left", "right") for name in HAND.keypoints
    ]


# src/openpose/filestream/cocoJsonSaver.cpp; caffe_train's cpm_data_transformer.cpp of CMU for MPII
@pytest.mark.parametrize(
    ("source", "target", "indices"),
    [
        (BODY_25, COCO_17, [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]),
        (BODY_COCO, COCO_17, [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]),
        (BODY_25, COCO_FEET, [19, 20, 21, 22, 23, 24]),
        (MPII_16, BODY_MPI, [9, 8, 12, 11, 10, 13, 14, 15, 2, 1, 0, 3, 4, 5, (7, 6)]),
    ],
)
def test_keypoints_are_reordered_as_openpose_does_it(source, target, indices):
    expected = tuple(each if isinstance(each, tuple) else (each,) for each in indices)
    assert source.sources_of(target) == expected


def test_a_keypoint_that_a_skeleton_lacks_has_no_source():
    sources = COCO_17.sources_of(BODY_MPI)
    assert sources[BODY_MPI.index("head")] == sources[BODY_MPI.index("chest")] == ()


def test_a_limb_whose_mirror_image_is_no_limb_has_no_mirrored_field():
    names = ("left_elbow", "left_wrist")
    colors = (RED, GREEN)
    arm = Skeleton("arm", names, (names,), colors, limbs=(names,), fields=(0,))
    assert arm.mirror_fields == (0, 1)  # without pairs nothing changes places
    names += ("right_elbow", "right_wrist")
    pairs = [("left_elbow", "right_elbow"), ("left_wrist", "right_wrist")]
    arms = Skeleton(
        "arms", names, (), colors * 2, limbs=(names[:2],), fields=(0,), mirror_pairs=tuple(pairs)
    )
    with pytest.raises(ValueError, match=r"the mirror image of .*left_elbow.* is no limb"):
        _ = arms.mirror_fields
