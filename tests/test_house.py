"""The house rules that a machine can check: layers, light imports, lint and format."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openpose_keras
from tests.helpers import ROOT

HEAVY = ("keras", "tensorflow", "jax", "torch", "numba", "matplotlib", "scipy", "skimage")
INFERENCE = (
    "openpose_keras",
    "openpose_keras.estimators.hand",
    "openpose_keras.viz.drawing",
    "openpose_keras.io.openpose_json",
    "openpose_keras.networks.presets",
    "openpose_keras.estimators.search",
)


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", INFERENCE)
def test_importing_the_inference_path_takes_no_heavy_package(module):
    code = (
        f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules]);"
        "print([m for m in sys.modules if m.startswith(('openpose_keras.training',"
        " 'openpose_keras.evaluation'))])"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["[]", "[]"]


def test_each_public_name_is_documented_and_comes_without_keras():
    code = (
        "import sys, openpose_keras as package\n"
        "bare = [n for n in package.__all__ if not (getattr(package, n).__doc__ or '').strip()]\n"
        "print(bare, 'keras' in sys.modules, set(package.__all__) - set(dir(package)))"
    )
    result = run(sys.executable, "-c", code)
    assert result.stdout.strip() == "[] False set()", result.stdout + result.stderr


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = openpose_keras.no_such_name


@pytest.mark.parametrize(
    "command", ["lint-imports --no-cache", "ruff check .", "ruff format --check ."]
)
def test_linter_finds_nothing(command):
    name, *options = command.split()
    program = shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if not program:
        pytest.skip(f"{name} is not installed: pip install '.[test]'")
    result = run(program, *options)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_types_check():
    pytest.importorskip("mypy", reason="mypy is not installed: pip install '.[test]'")
    result = run(sys.executable, "-m", "mypy")
    assert result.returncode == 0, result.stdout + result.stderr
