import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_MPI, Skeleton
from openpose_keras.heatmaps.part_affinity import limb_scores
from openpose_keras.heatmaps.resize import upsample_stride
from tests.helpers.fakes import smooth_noise
from tests.helpers.people import limb_score_by_loops

NAMES = ("elbow", "wrist")
ARM = Skeleton("arm", NAMES, (NAMES,), ((0, 0, 0),) * 2, limbs=(NAMES,), fields=(0,))
SIZE = (60, 90)


def peaks(rng, count):
    """Return candidates in the maps and around them."""
    xy = rng.uniform((-4, -4), (94, 64), (count, 2))
    return np.column_stack([xy, rng.random(count)]).astype(np.float32)


@pytest.mark.parametrize(("threshold", "fraction"), [(0.05, 0.95), (0.01, 0.75), (0.05, 0.2)])
def test_scores_are_those_of_openposes_rule_written_as_loops(threshold, fraction):
    rng = np.random.default_rng(1)
    fields = 0.6 * smooth_noise(SIZE)[..., :2].astype(np.float32) + np.float32(0.3)
    starts, ends = peaks(rng, 30), peaks(rng, 40)
    ends[:12] = starts[:12] + np.float32([0.2, 0.1, 0])  # nearly the same place
    ends[0] = starts[0]
    options = {"threshold": threshold, "fraction": fraction, "short_score": 0.07}
    (limbs,) = limb_scores(fields, [starts, ends], ARM, **options)
    found = np.zeros((30, 40))
    found[tuple(limbs.pairs.T)] = limbs.scores
    expected = [
        [limb_score_by_loops(fields, 0, a[:2], b[:2], **options) for b in ends] for a in starts
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert 20 < len(limbs.scores) < 1200
    assert found[0, 0] == 0


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_scores_from_cells_are_those_from_enlarged_fields(stride):
    """Also for more pairs than one call of OpenCV takes."""
    rng = np.random.default_rng(stride)
    names = ("a", "b", "c")
    limbs = (("a", "b"), ("c", "b"))
    chain = Skeleton("chain", names, limbs, ((0, 0, 0),) * 3, limbs=limbs, fields=(2, 0))
    fields = 0.6 * smooth_noise((14, 22), 4) + np.float32(0.2)
    size = 14 * stride, 22 * stride
    candidates = [
        np.column_stack([rng.uniform(-3, side + 3, count) for side in (*size[::-1], 1)])
        for count in (200, 180, 3)
    ]
    found = limb_scores(fields, candidates, chain, stride=stride)
    expected = limb_scores(upsample_stride(fields, stride), candidates, chain)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.pairs, theirs.pairs)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
        assert len(ours.pairs) > 10


def test_each_limb_has_the_field_that_its_skeleton_names():
    rng = np.random.default_rng(2)
    candidates = [peaks(rng, 3) for _ in BODY_MPI.keypoints]
    fields = np.zeros((*SIZE, 2 * len(BODY_MPI.limbs)), np.float32)
    wanted = BODY_MPI.limbs.index(("left_hip", "left_knee"))
    (a, b), channel = BODY_MPI.limb_indices[wanted], BODY_MPI.fields[wanted]
    along = candidates[b][1, :2] - candidates[a][2, :2]
    fields[..., channel : channel + 2] = along / np.hypot(*along)
    found = limb_scores(fields, candidates, BODY_MPI)
    assert [2, 1] in found[wanted].pairs.tolist()
    best = found[wanted].pairs[found[wanted].scores.argmax()]
    assert best.tolist() == [2, 1]
    assert all(not len(limbs.pairs) for number, limbs in enumerate(found) if number != wanted)


def test_no_candidates_have_no_limbs():
    none = np.zeros((0, 3), np.float32)
    (limbs,) = limb_scores(np.ones((*SIZE, 2)), [none, peaks(np.random.default_rng(0), 4)], ARM)
    assert limbs.pairs.shape == (0, 2)
    assert limbs.scores.shape == (0,)


def test_fields_and_candidates_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match="expected 2 fields and candidates of 2 keypoints for arm"):
        limb_scores(np.zeros((*SIZE, 4)), [np.zeros((0, 3))] * 2, ARM)
    with pytest.raises(ValueError, match="got 2 and 3"):
        limb_scores(np.zeros((*SIZE, 2)), [np.zeros((0, 3))] * 3, ARM)
