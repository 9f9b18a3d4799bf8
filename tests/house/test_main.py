import pytest

from tests.house import __main__ as house

pytest.importorskip("vulture")


def test_dead_names_are_those_that_nobody_uses(tmp_path, monkeypatch):
    (tmp_path / "module.py").write_text("def dead():\n    pass\n\n\ndef explore():\n    pass\n")
    monkeypatch.setattr(house, "PACKAGE", tmp_path)
    (found,) = house.dead_names()
    assert "unused function 'dead'" in found


def test_a_tool_that_fails_is_an_error_and_no_finding(tmp_path, monkeypatch):
    monkeypatch.setattr(house, "PACKAGE", tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match="vulture failed"):
        house.dead_names()
