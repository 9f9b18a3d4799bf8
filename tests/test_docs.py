import subprocess
import sys

import pytest

from tests.helpers import ROOT


@pytest.mark.slow
def test_reference_has_a_page_for_each_public_module_and_no_warning(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed: pip install '.[test]'")
    command = [sys.executable, "-W", "error::UserWarning", "-m", "tests.docs", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    modules = (ROOT / "openpose_keras").glob("*/[!_]*.py")
    rooms = (ROOT / "openpose_keras").glob("*/__init__.py")
    front = (tmp_path / "openpose_keras.html").read_text("utf8")
    for room in rooms:
        assert f'href="openpose_keras/{room.parent.name}.html"' in front
    for module in modules:
        assert (tmp_path / module.relative_to(ROOT)).with_suffix(".html").is_file()
