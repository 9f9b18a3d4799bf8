"""Maps from a batch of images."""
