"""Build the API reference from the docstrings: `python -m tests.docs [FOLDER]`."""

import argparse
import importlib
import pkgutil
import warnings
from pathlib import Path

import pdoc

import openpose_keras
from tests.helpers import ROOT


def public_modules():
    """Return the names of all modules that have no part beginning with an underscore."""
    found = pkgutil.walk_packages(openpose_keras.__path__, "openpose_keras.")
    names = [module.name for module in found]
    return ["openpose_keras", *(name for name in names if "._" not in name)]


def list_rooms(names):
    """Let each package's page list its modules, where __all__ would hide them."""
    for name in names:
        module = importlib.import_module(name)
        inside = [each.rpartition(".")[2] for each in names if each.rpartition(".")[0] == name]
        if hasattr(module, "__all__"):
            module.__all__ = sorted({*module.__all__, *inside}, key=str.lower)


def main():
    """Write one page a module, the rooms as chapters; a warning is an error."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "api")
    folder = parser.parse_args().folder
    with warnings.catch_warnings(action="error", category=UserWarning):
        list_rooms(public_modules())
        pdoc.render.configure(docformat="google", search=True)
        pdoc.pdoc("openpose_keras", output_directory=folder)
    print(f"the reference begins at {folder / 'openpose_keras.html'}")


if __name__ == "__main__":
    main()
