"""What the README says is so: its code runs, its links lead somewhere, nothing is left open."""

import re
from pathlib import Path

import numpy as np
import pytest

from openpose_keras import read_image

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "weights/README.md", ROOT / "notebooks/images/README.md"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    text = page.read_text("utf8")
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_figure_is_left_open(page):
    assert not re.findall(r"@@|TODO|TBD", page.read_text("utf8"))


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text("utf8"), re.S)
    assert len(blocks) >= 3
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
        names.setdefault("by_search", names["hands"][0].xy)
    assert len(names["hands"]) == 2
    # By hand and by the estimator: the mirror image makes the difference.
    apart = np.linalg.norm(names["xy"] - names["by_search"], axis=1)
    assert np.median(apart) < 0.03 * names["crop"].box[2]
    assert read_image("drawn.png").shape == read_image("maps.png").shape == names["image"].shape
    assert capsys.readouterr().out.startswith("(21, 2) (21,) ")


def test_the_test_command_is_the_one_that_ci_runs():
    text = (ROOT / "README.md").read_text("utf8")
    command = text.split("<!-- the test command -->")[1].split("```")[1].splitlines()[1]
    assert "pytest" in command
    assert "the test command" in (ROOT / ".ci/run").read_text("utf8")
