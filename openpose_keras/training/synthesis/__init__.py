"""The renderer of synthetic hands."""
