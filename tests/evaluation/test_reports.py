import json
from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.evaluation import Calibration, Interval, Report, SearchReport
from openpose_keras.evaluation.reports import JointFigures

UNKNOWN = Interval.of_ratio([0], [0])
THIRD = Interval.of_ratio([1, 1], [3, 3])
UNMEASURED = Calibration.of([])
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
    right=UNMEASURED,
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
        "right": {"count": 0, "error": None, "bins": []},
    }


def test_report_prints_a_table():
    lines = str(replace(REPORT, pck={0.2: THIRD})).splitlines()
    assert lines[0] == "2 hands in 1 images, 42 labelled keypoints, 3 of them missing"
    assert lines[2].split() == ["PCK@0.2", "0.333", "0.333", "..", "0.333"]
    assert [line.split() for line in lines[-2:]] == [
        ["keypoint", "PCK@0.2", "EPE"],
        ["wrist", "nan", "0.500", "7.25"],
    ]
    joints = {
        name: JointFigures(pck={0.1: value}, epe_px=1.0)
        for name, value in (("b", 0.5), ("c", 0.25), ("d", float("nan")), ("e", 1.0), ("f", 0.75))
    }
    report = replace(REPORT, pck={0.1: THIRD}, joints=joints)
    assert "lowest PCK@0.1: c 0.250, b 0.500, f 0.750\n" in str(report)


def test_search_report_is_json_and_prints_a_table():
    told = Calibration.of([(0.75, True), (0.7, False)])
    numbers = (2, 3, 0.5, THIRD, UNKNOWN, THIRD, 1 / 12, UNKNOWN, THIRD)
    report = SearchReport(*numbers, presence=told, right=UNMEASURED)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert list(data) == list(vars(report))
    assert data["recall"]["value"] == pytest.approx(1 / 3)
    assert "recall, IoU 0.5            0.333   0.333 .. 0.333" in str(report)
    assert "recall, 8.3% or more         nan" in str(report)
    assert str(report).splitlines()[-3:] == [
        "probability of a hand: expected calibration error 0.225, 2 hands",
        "mean probability           right   count",
        "0.725                      0.500       2",
    ]


def test_calibration_compares_each_tenth_with_what_came_true():
    rng = np.random.default_rng(0)
    values = rng.random(20_000)
    honest = Calibration.of(zip(values, rng.random(20_000) < values, strict=True))
    assert honest.count == 20_000
    assert honest.error < 0.015
    middles = np.arange(10) / 10 + 0.05
    np.testing.assert_allclose([mean for _, mean, _ in honest.bins], middles, atol=0.01)
    proud = Calibration.of((value, bool(rng.random() < 0.5)) for value in values)
    assert proud.error == pytest.approx(0.25, abs=0.02)
    assert Calibration.of([(1.0, True), (0.0, False)]).error == 0
