import pytest

from tests.house import __main__ as house


def test_a_tool_that_is_not_installed_is_said_to_be_so():
    assert house.run_tool("no_such_tool") is None
    assert house.row("findings", None) == ("findings", "not installed", "0", [])


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


def test_rooms_and_their_files_are_counted():
    rows = {what: value for what, value, *_ in house.rooms()}
    assert rows["rooms"] == len(list(house.PACKAGE.glob("*/__init__.py")))
    assert rows["floors of the import contract"] >= 9
