"""What long work shows: a bar on a terminal, a line a minute in a log."""

import re

import pytest

from openpose_keras.core import progress
from openpose_keras.core.progress import show_progress


def test_short_work_writes_nothing_into_a_log(capsys):
    assert list(show_progress(range(5), unit="image")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_long_work_writes_whole_lines_into_a_log(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    list(show_progress(range(3), unit="image", desc="rendering"))
    *lines, end = capsys.readouterr().err.split("\n")
    assert not end.strip()
    assert len(lines) >= 3
    for line in lines:
        # tqdm pads a line that is shorter than the one before, behind its end.
        assert re.fullmatch(r" *(\r?rendering: \d of 3 images, .+/s *)?", line)


@pytest.mark.parametrize("shown", [True, False])
def test_a_terminal_has_a_bar_if_it_is_wanted(capsys, monkeypatch, shown):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    list(show_progress(range(3), unit="image", shown=shown))
    assert ("3/3" in capsys.readouterr().err) == shown
