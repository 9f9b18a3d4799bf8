import ast
import re
import subprocess
import sys

import pytest

import openpose_keras
from tests.helpers import ROOT


def setup_keyword(name):
    """The literal that setup.py gives to setup() under a name."""
    tree = ast.parse((ROOT / "setup.py").read_text("utf8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    call = next(node for node in calls if getattr(node.func, "id", "") == "setup")
    return ast.literal_eval(next(word.value for word in call.keywords if word.arg == name))


def test_the_requirements_file_holds_what_the_package_needs():
    lines = (ROOT / "requirements.txt").read_text("utf8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert set(setup_keyword("install_requires")) <= set(wanted)
    assert all(re.fullmatch(r"[a-z0-9-]+>=[\d.]+,<[\d.]+", line) for line in wanted)


def test_the_command_exists():
    (script,) = setup_keyword("entry_points")["console_scripts"]
    name, module, function = re.fullmatch(r"(\S+) = ([\w.]+):(\w+)", script).groups()
    assert name == "openpose-keras"
    assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_a_build_holds_every_module_graph_and_weight_and_the_version(tmp_path):
    pytest.importorskip("setuptools")
    build = ["build_py", "--build-lib", str(tmp_path / "lib"), "egg_info", "-e", str(tmp_path)]
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", *build]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    built = {path.relative_to(tmp_path / "lib").as_posix() for path in tmp_path.rglob("lib/**/*.*")}
    package = ROOT / "openpose_keras"
    files = [*package.rglob("*.py"), *(package / "engines/graphs").iterdir()]
    assert built >= {path.relative_to(ROOT).as_posix() for path in files}
    shipped = [
        path.name for path in (ROOT / "weights").iterdir() if path.suffix in (".h5", ".json", ".md")
    ]
    assert built >= {f"openpose_keras/_shipped/{name}" for name in [*shipped, "__init__.py"]}
    assert {"openpose_keras/py.typed", "openpose_keras/_images/people.jpg"} <= built
    assert not [name for name in built if not name.startswith("openpose_keras/")]
    (metadata,) = tmp_path.glob("*.egg-info/PKG-INFO")
    assert f"\nVersion: {openpose_keras.__version__}\n" in metadata.read_text("utf8")
