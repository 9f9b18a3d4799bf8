"""Failed imports of Keras: each is explained in one line that says how to mend it."""

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
    ("settings", "backend", "reason"),
    [
        ("{}", "foo", "foo; set KERAS_BACKEND to tensorflow, jax or torch"),
        ('{"backend": "theano"}', None, "theano; set KERAS_BACKEND"),
        ('{"backend": "torch"}', None, "torch"),
        ('["a"]', None, "get'; mend keras.json"),
        ('{"floatx": "double"}', None, "floatx=double; mend keras.json"),
    ],
)
def test_message_says_what_failed_and_how_to_mend_it(tmp_path, settings, backend, reason):
    (tmp_path / "keras.json").write_text(settings)
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(tmp_path)} | ({"KERAS_BACKEND": backend} if backend else {})
    command = [sys.executable, "-c", f"import sys; sys.modules['torch'] = None\n{CODE}"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.startswith("Keras could not be imported: "), run.stderr
    assert reason in run.stdout
    assert "KERAS_BACKEND" in run.stdout
    assert run.stdout.count("\n") == 1


def test_a_network_is_built_without_a_line_of_tensorflow():
    environment = {key: os.environ[key] for key in os.environ.keys() - {"TF_CPP_MIN_LOG_LEVEL"}}
    code = "from openpose_keras import networks; networks.body_tiny()"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout + run.stderr == ""
