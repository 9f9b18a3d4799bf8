"""The tiny network of bodies."""

import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_MPI
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.networks import body_tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("size", [(64, 96), (61, 90), (8, 8)])
def test_body_tiny_has_two_stages_of_all_maps_at_stride_8(size):
    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (2, *size, 3)).astype(np.float32)
    cells = -(-size[0] // 8), -(-size[1] // 8)
    shapes = {"keypoints": (2, *cells, 16), "affinity": (2, *cells, 28)}
    stages = body_tiny(all_stages=True)
    found = [{kind: tuple(maps.shape) for kind, maps in stage.items()} for stage in stages(batch)]
    assert found == [shapes, shapes]
    assert {kind: tuple(maps.shape) for kind, maps in body_tiny()(batch).items()} == shapes
    assert stages.count_params() == body_tiny().count_params() == 19_544


def test_the_last_stage_sees_the_first_and_the_cells_around():
    network = body_tiny(all_stages=True)
    batch = np.zeros((1, 160, 160, 3), np.float32)
    lit = batch.copy()
    lit[:, 80:88, 80:88] = 0.5
    before, after = (
        [np.asarray(each["keypoints"])[0] for each in network(x)] for x in (batch, lit)
    )
    reach = [np.abs(a - b).max(axis=2) > 0 for a, b in zip(before, after, strict=True)]
    assert reach[1].sum() > reach[0].sum() > 1


def test_the_estimator_knows_its_skeleton():
    estimator = BodyEstimator(body_tiny())
    assert (estimator.skeleton, estimator.thresholds.peak) == (BODY_MPI, 0.3)
