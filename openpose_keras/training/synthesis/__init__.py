"""The renderer of hands."""
