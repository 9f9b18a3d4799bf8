import pytest

from tests.house import __main__ as house


def test_a_tool_that_is_not_installed_is_said_to_be_so():
    assert house.row("findings", house.run_tool("no_such_tool"))[1] == "not installed"


def test_a_tool_that_fails_is_an_error_and_no_finding():
    pytest.importorskip("vulture")
    with pytest.raises(RuntimeError, match="vulture failed"):
        house.run_tool("vulture", "--no-such-option")


def test_dead_names_are_those_that_nobody_uses(tmp_path, monkeypatch):
    pytest.importorskip("vulture")
    (tmp_path / "module.py").write_text("def dead():\n    pass\n\n\ndef explore():\n    pass\n")
    monkeypatch.setattr(house, "PACKAGE", tmp_path)
    (found,) = house.dead_names()
    assert "unused function 'dead'" in found
