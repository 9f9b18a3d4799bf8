"""`openpose-keras explore`: open images in the explorer, in JupyterLab."""

import argparse
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from openpose_keras.cli import options
from openpose_keras.cli.paths import expand
from openpose_keras.core.errors import BackendError

SUMMARY = "open images in the explorer, in JupyterLab"
DESCRIPTION = (
    "Open images in the explorer: see heatmaps and stages of the network, change boxes and "
    "recipes, correct keypoints and save them as labels. It starts JupyterLab with a notebook of "
    "one cell; Shift+Enter runs it. Ctrl-C here ends it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="photos, folders or patterns")
    parser.add_argument(
        "--preset",
        type=options.parse_presets,
        default="hand_lite",
        metavar="NAMES",
        help="hand_lite, or a set such as lite for whole people (default: %(default)s)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(args: argparse.Namespace) -> int:
    """Write a notebook to a temporary folder, and open it in JupyterLab.

    Args:
        args: The options of `add_arguments`.

    Returns:
        JupyterLab's exit status.

    Raises:
        InputError: An argument names no photo.
        ImageError: The first photo can't be read.
        BackendError: JupyterLab, or a package of the widget, is missing.
    """
    import subprocess

    from openpose_keras.io.images import read_image

    photos = [str(path.resolve()) for each in args.photos for path in expand(each)]
    read_image(photos[0])  # JupyterLab would start for what is no image
    missing = [each for each in ("jupyterlab", "anywidget", "ipywidgets") if not find_spec(each)]
    if missing:
        raise BackendError(f"the explorer needs {missing[0]}: pip install {' '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "explore.ipynb")
        path.write_text(json.dumps(_notebook(photos, args.preset)), encoding="utf-8")
        command = [sys.executable, "-m", "jupyterlab", str(path)]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        return subprocess.run(command + ["--no-browser"] * args.no_browser, check=False).returncode


def _notebook(photos: list[str], preset: str) -> dict[str, object]:
    """Return a notebook with a single cell that opens the explorer."""
    call = f"explore({photos!r}, preset={preset!r})"
    lines = ["from openpose_keras import explore\n", "\n", call]
    cell: dict[str, object] = {
        "cell_type": "code", "execution_count": None, "id": "explore", "metadata": {},
        "outputs": [], "source": lines,
    }  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
