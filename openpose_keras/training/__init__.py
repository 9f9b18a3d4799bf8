"""Training of hands and bodies: data, targets, augmentation and the run itself."""
