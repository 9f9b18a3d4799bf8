"""What the README says is so: its code runs. Its links and its words are in test_prose.py."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openpose_keras import RECIPES, read_image
from tests.helpers import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
HANDS = "notebooks/images/hands.jpg"


def test_the_python_of_the_readme_and_of_usage_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)
    names = {}
    for page, least in (("README.md", 3), (".github/USAGE.md", 5)):
        blocks = re.findall(r"```python\n(.+?)```", (ROOT / page).read_text("utf8"), re.S)
        assert len(blocks) >= least
        for block in blocks:
            exec(compile(block, page, "exec"), names)
    assert 1 <= len(names["hands"]) <= 2  # one of the two holds a tube, which hides its palm
    one_pass = replace(RECIPES["refined"], upright_pass=False, flip_average=False, prior=None)
    estimator = names["estimator"].with_recipe(one_pass)
    image = read_image(HANDS)
    [hand] = estimator(image, [names["crop"].box])
    np.testing.assert_allclose(names["xy"], hand.xy, atol=1e-3)  # by hand and by the estimator
    assert read_image("drawn.png").shape == read_image("maps.png").shape == image.shape
    assert read_image("people.png").shape == names["image"].shape
    assert len(names["people"]) >= 4
    assert "(21, 2) (21,) " in capsys.readouterr().out


def test_ci_runs_the_test_command_of_the_readme(tmp_path):
    """.ci/run is run with tools instead of the real ones that write down how they are called."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    for name in ("requirements.txt", "setup.py"):
        (tmp_path / name).touch()
    (tmp_path / "README.md").write_text(
        "<!-- the test command -->\n```sh\npip a && python b\n```\n"
    )
    for name in ("pip", "python", "python3.11", "chromium"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n[ "$2" != venv ] || mkdir -p "$3"\n'
        )
        tool.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    subprocess.run([tmp_path / ".ci/run"], env=environment, check=True, capture_output=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    calls = [call for call in calls if not call.startswith("python3.11")]
    assert calls[:2] == ["pip a", "python b"]
    assert calls[-1] == "python -m pytest -m backend"


def test_the_test_command_installs_and_runs_all_tests():
    text = (ROOT / "README.md").read_text("utf8")
    command = text.split("<!-- the test command -->")[1].split("```")[1].splitlines()[1]
    assert command == 'pip install -e ".[test]" && python -m pytest'


def test_the_table_lists_each_notebook_with_its_title_and_thumbnail():
    text = (ROOT / "README.md").read_text("utf8").split("## Notebooks\n")[1].split("\n## ")[0]
    rows = re.findall(
        r'^\| <img src="([^"]+)".*\| (\d+)\. \[(.+?)\]\((.+?)\) \| .+ \|$', text, re.M
    )
    assert [row[3] for row in rows] == [
        path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    ]
    for thumbnail, number, title, link in rows:
        cells = json.loads((ROOT / link).read_text("utf8"))["cells"]
        assert "".join(cells[0]["source"]).splitlines()[0] == f"# {title}"
        assert Path(link).name.startswith(f"{int(number):02}_")
        assert thumbnail == f"notebooks/images/thumbnails/{int(number):02}.png"


def test_each_answer_of_where_things_are_names_what_is_there():
    text = (ROOT / ".github/CONTRIBUTING.md").read_text("utf8")
    rows = re.findall(r"^\| \.\.\. .+\? \| \[.+\]\(\.\./(\S+)\) \| `(\w+)` \|$", text, re.M)
    assert len(rows) == 10
    for path, name in rows:
        assert re.search(rf"^ *(?:def|class) {name}\b", (ROOT / path).read_text("utf8"), re.M), path


def test_python_versions_of_the_workflow_are_those_of_the_package():
    workflow = (ROOT / ".github/workflows/test.yml").read_text("utf8")
    setup = (ROOT / "setup.py").read_text("utf8")
    versions = re.findall(r"Python :: (\d\.\d+)", setup)
    assert re.search(r"python: (\[.+\])", workflow)[1] == json.dumps(versions)
    assert "- run: .ci/run\n" in workflow
