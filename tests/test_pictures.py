import numpy as np

from openpose_keras.training.pictures import sheet
from openpose_keras.training.scenes import Sample
from tests.training_fakes import open_hand


def test_a_sheet_draws_keypoints_over_every_other_sample_and_leaves_out_hidden_ones():
    xy = open_hand((40, 40), 50)
    xy[[0, 4, 20]] = np.nan
    plain = np.full((80, 80, 3), 120, np.uint8)
    drawn = sheet([Sample(plain, [xy])] * 4, columns=2)
    assert drawn.shape == (160, 160, 3)
    left, right = drawn[:, :80], drawn[:, 80:]
    assert (left == 120).all()
    assert (right != 120).any()
    x, y = np.round(xy[8]).astype(int)
    assert (right[y, x] != 120).any()
