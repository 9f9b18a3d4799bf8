"""Run a notebook from top to bottom in a fresh kernel, and store its outputs."""

import hashlib
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from openpose_keras.core.files import atomic_write
from openpose_keras.networks.presets import PRESETS
from tests.helpers import ROOT

FOLDER = ROOT / "notebooks"
KEY = "openpose_keras"  # where the metadata keeps what the outputs were made with
IMAGES = ("image/png", "image/jpeg")
KINDS = (*IMAGES, "text/markdown", "text/plain")  # of outputs that are kept
HIDDEN = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}  # a cell of checks
WIDGET = "application/vnd.jupyter.widget-view+json"
TIMEOUT = 600  # seconds a cell may take, on a machine that is busy with something else

ANSI = re.compile(r"\x1b\[[0-9;]*m")
ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}\b")
# TensorFlow's C++ part logs processors and graphics cards; no setting silences these lines.
LOG_LINES = re.compile(
    r"(?m)^(WARNING: All log messages before absl::InitializeLog\(\).*"
    r"|I\d{4} \d\d:\d\d:.*|E\d{4} \d\d:\d\d:.* failed call to cuInit: .*"
    r"|To enable the following instructions: .*)\n?"
)


@dataclass(frozen=True)
class Run:
    """A notebook with the outputs of one run.

    Args:
        notebook: The notebook with new outputs; the file is unchanged.
        problems: What is wrong with the run, a line each; empty if it may be stored.
        seconds: How long the cells took, including the start of the kernel.
    """

    notebook: NotebookNode
    problems: list[str]
    seconds: float


def read(path: Path) -> NotebookNode:
    """Read a notebook as it is, without converting it."""
    return nbformat.reads(path.read_text("utf8"), as_version=nbformat.NO_CONVERT)


def execute(path: Path, *, timeout: float = TIMEOUT) -> Run:
    """Run a notebook in a fresh kernel, in the notebook's folder.

    The package is imported from this repository, installed or not, and no start-up file of the user
    is read.

    Args:
        path: The notebook.
        timeout: Seconds that a cell may take.
    """
    import matplotlib.font_manager  # noqa: F401  (its first import prints that it lists fonts)

    notebook = read(path)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as profile:
        client = NotebookClient(
            notebook,
            timeout=timeout,
            startup_timeout=300,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            store_widget_state=False,
            resources={"metadata": {"path": str(path.parent)}},
        )
        log = Path(profile, "kernel.log")  # what the kernel itself prints
        try:
            with log.open("w") as stderr:
                client.execute(env=_environment(profile), cwd=str(path.parent), stderr=stderr)
            failure = []
        except (CellExecutionError, CellTimeoutError) as error:
            failure = [f"{type(error).__name__}: {_last_line(str(error))}"]
        except (DeadKernelError, RuntimeError) as error:
            failure = [f"{type(error).__name__}: {error}: {_last_line(log.read_text())}"]
    normalise(notebook)
    return Run(notebook, failure or output_problems(notebook), time.perf_counter() - start)


def _environment(profile: str) -> dict[str, str]:
    """Return the kernel's environment: this repository first, and no user's settings."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "IPYTHONDIR": profile}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment.pop("PYTEST_CURRENT_TEST", None)  # ipykernel would not show what C code prints
    return environment


def _last_line(text: str) -> str:
    """Return the last line that is not empty: that of a traceback names the error."""
    return next((line for line in reversed(ANSI.sub("", text).splitlines()) if line.strip()), "")


def normalise(notebook: NotebookNode) -> None:
    """Remove, in place, what differs between two runs with the same outputs.

    These are timings, versions and the states of widgets; of an output only images and text stay.
    """
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in HIDDEN if cell.metadata.get(key)}
        cell.metadata = NotebookNode(kept)
        if cell.cell_type == "code":
            cell.outputs = [each for each in map(_normal_output, cell.outputs) if each]
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.metadata[KEY] = {"code": code_hash(notebook), "weights": PRESETS["hand_lite"].sha256}


def _normal_output(output: NotebookNode) -> NotebookNode | None:
    """Return an output without what varies, or None if nothing is left."""
    if output.output_type == "stream":
        text = LOG_LINES.sub("", output.text) if output.name == "stderr" else output.text
        return NotebookNode(output, text=text) if text.strip() else None
    if output.output_type in ("display_data", "execute_result"):
        data = {kind: output.data[kind] for kind in KINDS if kind in output.data}
        if WIDGET in output.data and "text/plain" in data:  # its text lists its parts
            data["text/plain"] = data["text/plain"].partition("(")[0]
        for kind in data.keys() & IMAGES:
            data[kind] = data[kind].replace("\n", "")
        about = {kind: output.metadata[kind] for kind in data if kind in output.metadata}
        return NotebookNode(output, data=data or output.data, metadata=about)
    return output


def code_hash(notebook: NotebookNode) -> str:
    """Return the SHA-256 of the code cells; the prose may change without a run."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def output_problems(notebook: NotebookNode) -> list[str]:
    """List what a reader should not see in the outputs: errors, warnings, local paths.

    Returns:
        A line for each, with the number of the cell; the first cell is 1.
    """
    problems = []
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            problems += [f"cell {number}: {each}" for each in _problems_of(output)]
    return problems


def _problems_of(output: NotebookNode) -> list[str]:
    """List what is wrong with one output."""
    if output.output_type == "error":
        return [f"{output.ename}: {output.evalue}"]
    if output.output_type == "stream":
        if output.name == "stderr":
            return [f"stderr: {ANSI.sub('', output.text).strip()[-300:]}"]
        texts = [output.text]
    else:
        unknown = sorted(set(output.data) - set(KINDS))
        if unknown:
            return [f"an output is neither an image nor text, but {', '.join(unknown)}"]
        texts = [text for kind, text in output.data.items() if kind.startswith("text/")]
    local = [str(ROOT), str(Path.home()) + os.sep, tempfile.gettempdir() + os.sep]
    found = [f"the local path {path}" for path in local for text in texts if path in text]
    found += [f"the address {each}" for text in texts for each in ADDRESS.findall(text)]
    return [f"an output shows {each}" for each in found]


def store(path: Path, run: Run) -> None:
    """Write a notebook with its new outputs, completely or not at all.

    Raises:
        ValueError: The run has problems; the file is unchanged.
    """
    if run.problems:
        raise ValueError(f"{path.name} is not stored: {run.problems[0]}")
    nbformat.validate(run.notebook)
    text = nbformat.writes(run.notebook, version=nbformat.NO_CONVERT)
    with atomic_write(path, force=True) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", "utf8")
