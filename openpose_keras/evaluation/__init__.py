"""Measure estimators on labelled hands (PCK, AUC, end-point error, search), people and faces.

People are measured by COCO's object keypoint similarity, see `evaluate_people`, and faces by the
mean error of their keypoints, see `evaluate_faces`.

The protocol of `evaluate`: the crop of each hand is a square around the centre of its labelled box,
with a side of `crop_factor` times the box's longer side. The estimator does not know the
orientation, and it knows the side only if that is requested. Distances are in units of the box's
longer side. Intervals are percentile bootstraps over images.

    from openpose_keras.evaluation import evaluate
    from openpose_keras.io.coco import read_labels
    samples = read_labels("onehand10k_test.json", images="Test/source")
    print(evaluate(HandEstimator.from_preset("hand_lite"), samples))
"""

from openpose_keras.evaluation.evaluate import evaluate, evaluate_search
from openpose_keras.evaluation.faces import FaceReport, evaluate_faces
from openpose_keras.evaluation.metrics import (
    auc,
    bootstrap_interval,
    epe,
    joint_pck,
    match_boxes,
    pck,
)
from openpose_keras.evaluation.oks import OksReport, average_precision, oks
from openpose_keras.evaluation.people import evaluate_bodies, evaluate_people
from openpose_keras.evaluation.reports import Calibration, Interval, Report, SearchReport

__all__ = [
    "Calibration",
    "FaceReport",
    "Interval",
    "OksReport",
    "Report",
    "SearchReport",
    "auc",
    "average_precision",
    "bootstrap_interval",
    "epe",
    "evaluate",
    "evaluate_bodies",
    "evaluate_faces",
    "evaluate_people",
    "evaluate_search",
    "joint_pck",
    "match_boxes",
    "oks",
    "pck",
]
