"""Parameters of tests that need more than the usual environment, see tests/conftest.py."""

import pytest


def mark_backends(*names):
    """Mark each backend of Keras other than TensorFlow, for parametrize."""
    marks = {name: [pytest.mark.backend(name)] if name != "tensorflow" else [] for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def mark_torch_files(kinds):
    """Mark the kinds of weight files that PyTorch writes or reads, for parametrize."""
    torch = {kind: "pth" in kind or "pickle" in kind for kind in kinds}
    marks = {kind: [pytest.mark.backend("torch")] if torch[kind] else [] for kind in kinds}
    return [pytest.param(kind, marks=marks[kind]) for kind in kinds]
