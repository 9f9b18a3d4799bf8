"""The weights that ship, installed inside the package; README.md is their card."""
