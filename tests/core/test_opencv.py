import os
import subprocess
import sys

import pytest

from openpose_keras.core._opencv import cv2, explain_import_failure, quiet_opencv


def import_with_fake_cv2(folder, message):
    """Import the package's door to OpenCV where `import cv2` fails with this message."""
    (folder / "cv2.py").write_text(f"raise ImportError({message!r})\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-c", "from openpose_keras.core._opencv import cv2"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        ("libSM.so.6", "libsm6"),
        ("libXext.so.6", "libxext6"),
    ],
)
def test_a_missing_library_is_explained(tmp_path, library, package):
    message = f"{library}: cannot open shared object file: No such file or directory"
    last = import_with_fake_cv2(tmp_path, message)
    assert last.startswith("ImportError: OpenCV could not be imported")
    assert library in last
    assert f"apt-get install {package}" in last
    assert "pip install opencv-python-headless" in last


def test_a_missing_opencv_is_explained(tmp_path):
    last = import_with_fake_cv2(tmp_path, "No module named 'cv2'")
    assert last.endswith("pip install opencv-python")


def test_any_other_failure_keeps_its_own_words():
    text = explain_import_failure("numpy.core.multiarray failed to import")
    assert "numpy.core.multiarray failed to import" in text and "--force-reinstall" in text
    assert "apt-get" not in text


def test_opencv_is_quiet_inside_the_block_and_as_before_after_it(capfd):
    def fail_quietly():
        with quiet_opencv():
            cv2.imread("there-is-no-such-file.png")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_quietly()
    assert capfd.readouterr().err == ""
    cv2.imread("there-is-no-such-file.png")
    assert "there-is-no-such-file.png" in capfd.readouterr().err


def test_quiet_blocks_of_threads_may_overlap(capfd):
    first, second = quiet_opencv(), quiet_opencv()
    with first:
        second.__enter__()
    cv2.imread("there-is-no-such-file.png")
    assert capfd.readouterr().err == ""
    second.__exit__(None, None, None)
    cv2.imread("there-is-no-such-file.png")
    assert "there-is-no-such-file.png" in capfd.readouterr().err
