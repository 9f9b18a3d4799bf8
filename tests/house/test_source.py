from pathlib import Path

import pytest

from tests.house.source import Source, find_duplicates, find_sources, is_annotated

TEXT = '''"""A docstring,

of three lines."""

import numpy as np  # a comment


# a comment
def documented(a: int, *rest: "np.ndarray") -> None:
    """One line."""
    text = """no docstring,
    of two lines"""

    print(a, text, rest)


class Bare:
    def method(self, key, *, value: int) -> int:
        return value
'''


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(TEXT, "utf8")
    return Source(path)


def test_blank_lines_docstrings_and_comments_are_no_code(source):
    lines = TEXT.splitlines()
    assert [lines[number - 1].strip() for number in sorted(source.code)] == [
        "import numpy as np  # a comment",
        'def documented(a: int, *rest: "np.ndarray") -> None:',
        'text = """no docstring,',
        'of two lines"""',
        "print(a, text, rest)",
        "class Bare:",
        "def method(self, key, *, value: int) -> int:",
        "return value",
    ]


def test_a_function_is_as_long_as_its_code(source):
    assert [source.length(node) for node in source.functions] == [4, 2]


def test_an_argument_without_a_type_is_found(source):
    assert [is_annotated(node) for node in source.functions] == [True, False]


def test_quoted_types_are_found(source):
    assert source.quoted_types == ["np.ndarray"]


def test_sources_of_a_folder_may_be_left_out(tmp_path):
    for name in ("a.py", "kept/b.py", "left/c.py", "left/deeper/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [source.path.name for source in find_sources(tmp_path, leave_out=["left"])]
    assert names == ["a.py", "b.py"]


def write(path: Path, *lines: str) -> Source:
    path.write_text("\n".join(lines), "utf8")
    return Source(path)


def test_the_same_run_in_two_files_is_found_once(tmp_path):
    run = [f"value_{index} = {index}" for index in range(8)]
    first = write(tmp_path / "a.py", "first = 1", *run, "first = 2")
    second = write(tmp_path / "b.py", "if True:", *(f"    {line}  " for line in run))
    assert find_duplicates([first, second]) == [f"{first.path}:2 ~ {second.path}:2"]


def test_five_lines_imports_and_brackets_are_no_duplicate(tmp_path):
    imports = ["from a import (", *(f"    name_{index}," for index in range(9)), ")"]
    lines = [*imports, *(f"value_{index} = {index}" for index in range(5)), "(", ")"]
    assert not find_duplicates([write(tmp_path / name, *lines) for name in ("a.py", "b.py")])
