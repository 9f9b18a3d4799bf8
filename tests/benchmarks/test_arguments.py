import sys

import pytest

from openpose_keras.core._opencv import cv2
from tests.benchmarks import openpose, parity


def refusal(main, monkeypatch, capsys, *arguments):
    """Return the one line that a benchmark leaves with."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("benchmark", [openpose, parity])
def test_unknown_networks_are_refused_in_a_line(benchmark, monkeypatch, capsys):
    line = refusal(benchmark.main, monkeypatch, capsys, "hand", "nonsense")
    assert line.startswith("expected some of hand, face, ")
    assert line.endswith("got nonsense")


def test_an_opencv_without_caffe_is_refused_in_a_line(monkeypatch, capsys):
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe", raising=False)
    assert "opencv-python<5" in refusal(parity.main, monkeypatch, capsys)
