import numpy as np
import pytest
from scipy.io import savemat

from openpose_keras.core.errors import DataError
from openpose_keras.io.mpii import read_mat
from tests.helpers.mat_files import structs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.mat"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8", "bool"]
)
def test_numbers_are_those_that_scipy_wrote(path, dtype, compressed):
    numbers = np.random.default_rng(0).integers(0, 100, (3, 4)).astype(dtype)
    variables = {"numbers": numbers, "one": numbers[:1, :1], "none": numbers[:0]}
    savemat(path, variables, do_compression=compressed)
    found = read_mat(path)
    assert list(found) == ["numbers", "one", "none"]
    for name, expected in variables.items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_structs_cells_and_texts_are_those_that_scipy_wrote(path, compressed):
    rows = [{"name": "é and ☕", "at": [{"x": 1.5, "y": 2}]}, {"name": "", "at": []}]
    cells = np.array([["a", 7, rows[0]]], object)
    savemat(path, {"rows": structs(rows), "cells": cells}, do_compression=compressed)
    found = read_mat(path)
    assert [row["name"] for row in found["rows"]] == ["é and ☕", ""]
    assert found["rows"][0]["at"] == [{"x": np.array([[1.5]]), "y": np.array([[2]])}]
    assert not len(found["rows"][1]["at"])
    assert found["cells"][:2] == ["a", np.array([[7]])]
    assert found["cells"][2][0]["name"] == "é and ☕"


@pytest.mark.parametrize("content", [b"", b"RELEASE" * 99, b"\x89HDF\r\n\x1a\n" * 99])
def test_other_files_are_named(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"file\.mat: expected a \.mat file of Matlab 5 to 7\.2"):
        read_mat(path)


def test_a_bomb_is_refused(path, monkeypatch):
    savemat(path, {"zeros": np.zeros((100, 100))}, do_compression=True)
    monkeypatch.setattr("openpose_keras.io.mpii._MOST", 50_000)
    with pytest.raises(DataError, match="more than 50000 bytes"):
        read_mat(path)
