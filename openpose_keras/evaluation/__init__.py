"""Measure an estimator on labelled hands: PCK, AUC and end-point error, and the finder's recall.

The protocol of `evaluate`: each hand is cropped by a square box around the middle of its labelled
box, `crop_factor` times the box's longer side; no orientation and, unless asked, no side is given
away. The distances are in units of the box's longer side. Intervals are percentile bootstraps over
images.

    from openpose_keras.evaluation import evaluate, read_samples
    samples = read_samples("onehand10k_test.json", images="Test/source")
    print(evaluate(HandEstimator.from_preset("hand_lite"), samples))
"""

from openpose_keras.core.errors import DataError
from openpose_keras.evaluation.evaluate import evaluate, evaluate_finder
from openpose_keras.evaluation.metrics import (
    auc,
    bootstrap_interval,
    epe,
    joint_pck,
    match_boxes,
    pck,
)
from openpose_keras.evaluation.reports import Estimate, FinderReport, Report
from openpose_keras.io.label_reader import LabelledHand, LabelledImage, keypoints_box, read_samples

__all__ = [
    "DataError",
    "Estimate",
    "FinderReport",
    "LabelledHand",
    "LabelledImage",
    "Report",
    "auc",
    "bootstrap_interval",
    "epe",
    "evaluate",
    "evaluate_finder",
    "joint_pck",
    "keypoints_box",
    "match_boxes",
    "pck",
    "read_samples",
]
