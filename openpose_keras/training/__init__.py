"""Training of networks for hands, bodies and faces: data, targets, augmentation and the run."""
