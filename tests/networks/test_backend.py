"""Failed imports of Keras: each is explained in one line, with the backend that was tried."""

import os
import subprocess
import sys

import pytest

CODE = """
from openpose_keras.core.errors import BackendError
from openpose_keras.networks._backend import import_keras
try:
    import_keras()
except BackendError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("settings", "backend", "expected"),
    [
        (None, "foo", "Keras has no backend 'foo', which KERAS_BACKEND names"),
        ('{"backend": "theano"}', None, "Keras has no backend 'theano', which {home}/keras.json"),
        ('{"floatx": "double"}', None, "Keras could not be imported: "),
        ('["a"]', None, "Keras could not be imported: "),
    ],
)
def test_message_names_the_backend_that_was_tried(tmp_path, settings, backend, expected):
    if settings:
        (tmp_path / "keras.json").write_text(settings)
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(tmp_path)} | ({"KERAS_BACKEND": backend} if backend else {})
    command = [sys.executable, "-c", CODE]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(expected.format(home=tmp_path))
    assert "KERAS_BACKEND" in run.stdout
    assert run.stdout.count("\n") == 1


def test_missing_backend_is_named_with_its_origin(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    hide = "import sys; sys.modules['torch'] = None\nimport importlib.util\n"
    hide += "importlib.util.find_spec = lambda name: None if name == 'torch' else name\n"
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment["KERAS_HOME"] = str(tmp_path)
    command = [sys.executable, "-c", hide + CODE]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    message = f"the backend 'torch', which {tmp_path}/keras.json names, is not installed"
    assert run.stdout.startswith(message), run.stderr
