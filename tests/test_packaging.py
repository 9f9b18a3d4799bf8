import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import openpose_keras
from tests.helpers import ROOT


def setup_keyword(name):
    """The literal that setup.py gives to setup() under a name."""
    tree = ast.parse((ROOT / "setup.py").read_text("utf8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    call = next(node for node in calls if getattr(node.func, "id", "") == "setup")
    return ast.literal_eval(next(word.value for word in call.keywords if word.arg == name))


def requirements(file):
    """The lines of a file of requirements that are no comments."""
    lines = (ROOT / file).read_text("utf8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_requirements_files_hold_what_the_package_needs():
    wanted = requirements("requirements.txt")
    assert set(setup_keyword("install_requires")) <= set(wanted)
    assert all(re.fullmatch(r"[a-z0-9-]+>=[\d.]+,<[\d.]+", line) for line in wanted)
    light = {line.replace("-headless", "") for line in requirements(".github/light.txt")}
    assert light < set(setup_keyword("install_requires"))


def brought_by(names):
    """The distributions that pip installs for some, by their names."""
    found, rest = set(), list(names)
    while rest:
        name = canonicalize_name(rest.pop())
        if name not in found:
            found.add(name)
            needs = map(Requirement, requires(name) or [])
            rest += [each.name for each in needs if not each.marker or each.marker.evaluate()]
    return found


LIGHT = """
import json, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None  # it cannot be imported
from openpose_keras import HandEstimator, cli, draw, draw_heatmaps, read_image, write_image
photo, out = "notebooks/images/open_hand.jpg", sys.argv[2]
image = read_image(photo)
estimator = HandEstimator.from_preset("hand_lite")
[hand] = estimator(image)
write_image(out + "/drawn.png", draw(image, [hand]))
maps, frame = estimator.heatmaps(image, hand.box)
draw_heatmaps(image, maps, box=frame.box)
options = ["--out", out, "--format", "json,csv,coco"]
for command in (
    ["detect", photo, *options],
    ["detect", photo, *options, "--engine", "keras", "--force"],
    ["export", "hand_lite", "--to", "saved_model", "--out", out + "/model"],
    ["train", out + "/config.json"],
    ["verify", "weights/hand_lite.weights.h5"],
):
    print(command[0], cli.main(command), file=sys.stderr)
"""


def test_the_light_list_finds_people_and_a_line_says_what_the_rest_needs(tmp_path):
    names = [Requirement(line).name for line in requirements(".github/light.txt")]
    there = brought_by(name.replace("-headless", "") for name in names)
    blocked = [
        module
        for module, owners in packages_distributions().items()
        if module != "openpose_keras" and there.isdisjoint(map(canonicalize_name, owners))
    ]
    assert {"keras", "tensorflow", "matplotlib", "gdown"} <= set(blocked)
    (tmp_path / "config.json").write_text(json.dumps({"out": str(tmp_path / "run"), "hands": 2}))
    code = [sys.executable, "-c", LIGHT, json.dumps(blocked), str(tmp_path)]
    ran = subprocess.run(code, cwd=ROOT, capture_output=True, text=True)
    told = ran.stderr.splitlines()
    assert told[::2][:1] == ["detect 0"], ran.stderr
    rest = zip(told[1::2], told[2::2], strict=True)
    expected = ("detect", "export", "train", "verify")
    packages = ("keras tensorflow", "keras tensorflow", "keras tensorflow", "matplotlib")
    for (line, status), name, package in zip(rest, expected, packages, strict=True):
        assert (status, line.count("error: ")) == (f"{name} 1", 1)
        assert line.endswith(f"; pip install {package}")
    written = {path.name for path in tmp_path.iterdir()}
    drawn = {f"open_hand_keypoints.{suffix}" for suffix in ("png", "json")}
    assert written >= {"drawn.png", "keypoints.csv", "keypoints_coco.json", *drawn}
    assert not written & {"model", "run"}


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
