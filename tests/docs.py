"""Build the API reference from the docstrings: `python -m tests.docs [FOLDER]`."""

import argparse
import importlib
import pkgutil
import warnings
from pathlib import Path

import pdoc

import openpose_keras
from tests.helpers import ROOT


def list_rooms():
    """Let each package's page list its public modules, where __all__ would hide them."""
    found = pkgutil.walk_packages(openpose_keras.__path__, "openpose_keras.")
    for name in (module.name for module in found if "._" not in module.name):
        room, _, inside = name.rpartition(".")
        package = importlib.import_module(room)
        if hasattr(package, "__all__"):
            package.__all__ = sorted({*package.__all__, inside}, key=str.lower)


def main():
    """Write one page a module, the rooms as chapters; a warning is an error."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "api")
    folder = parser.parse_args().folder
    with warnings.catch_warnings(action="error", category=UserWarning):
        list_rooms()
        pdoc.render.configure(docformat="google", search=True)
        pdoc.pdoc("openpose_keras", output_directory=folder)
    print(f"the reference begins at {folder / 'openpose_keras.html'}")


if __name__ == "__main__":
    main()
