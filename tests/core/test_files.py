import os

import pytest

from openpose_keras.core.files import atomic_write, read_json, write_json


def test_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("precious")

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_json(path, {}, force=True)
    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_written_file_can_be_read_by_others_as_the_umask_allows(tmp_path):
    write_json(tmp_path / "a.json", {})
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("character", ["x", "手"])
def test_names_as_long_as_the_file_system_allows_are_written(tmp_path, character):
    path = tmp_path / (character * (250 // len(character.encode())) + ".json")
    write_json(path, {})
    assert list(tmp_path.iterdir()) == [path]


def test_files_may_be_written_side_by_side(tmp_path):
    first, second = (tmp_path / f"{start}{'x' * 60}" for start in "ab")
    with atomic_write(first) as one, atomic_write(second) as two:
        one.write_text("1")
        two.write_text("2")
    assert (first.read_text(), second.read_text()) == ("1", "2")


@pytest.mark.parametrize(("text", "end"), [("[1, 2,]", "]"), ('{"a": 1,\n}', "}")])
def test_a_comma_too_many_is_named(tmp_path, text, end):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=f"a comma too many before '{end}' in line"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[1, ,]")
    with pytest.raises(ValueError, match="Expecting value"):
        read_json(tmp_path / "a.json")
