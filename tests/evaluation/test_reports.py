import json
from dataclasses import replace

import pytest

from openpose_keras.evaluation import Interval, Report, SearchReport
from openpose_keras.evaluation.reports import JointFigures

UNKNOWN = Interval.of_ratio([0], [0])
THIRD = Interval.of_ratio([1, 1], [3, 3])
REPORT = Report(
    images=1,
    hands=2,
    keypoints=42,
    missing=3,
    pck={0.05: UNKNOWN, 0.2: THIRD},
    auc=THIRD,
    epe_px=UNKNOWN,
    joints={"wrist": JointFigures(pck={0.05: float("nan"), 0.2: 0.5}, epe_px=7.25)},
    sides=THIRD,
    kept={0.5: THIRD},
)


def test_report_is_json_without_nan():
    data = json.loads(json.dumps(REPORT.to_dict(), allow_nan=False))
    third, unknown = {"value": 1 / 3, "low": 1 / 3, "high": 1 / 3}, dict.fromkeys(vars(UNKNOWN))
    assert data == {
        "images": 1,
        "hands": 2,
        "keypoints": 42,
        "missing": 3,
        "pck": {"0.05": unknown, "0.2": third},
        "auc": {"limit": 0.2, **third},
        "epe_px": unknown,
        "joints": {"wrist": {"pck": {"0.05": None, "0.2": 0.5}, "epe_px": 7.25}},
        "sides": third,
        "kept": {"0.5": third},
    }


def test_report_prints_a_table():
    lines = str(replace(REPORT, pck={0.2: THIRD})).splitlines()
    assert lines[0] == "2 hands in 1 images, 42 labelled keypoints, 3 of them missing"
    assert lines[2].split() == ["PCK@0.2", "0.333", "0.333", "..", "0.333"]
    assert [line.split() for line in lines[-2:]] == [
        ["keypoint", "PCK@0.2", "EPE"],
        ["wrist", "nan", "0.500", "7.25"],
    ]


def test_search_report_is_json_and_prints_a_table():
    report = SearchReport(2, 3, 0.5, THIRD, UNKNOWN, THIRD, 1 / 12, UNKNOWN, THIRD)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert list(data) == list(vars(report))
    assert data["recall"]["value"] == pytest.approx(1 / 3)
    assert "recall, IoU 0.5            0.333   0.333 .. 0.333" in str(report)
    assert "recall, 8.3% or more         nan" in str(report)
