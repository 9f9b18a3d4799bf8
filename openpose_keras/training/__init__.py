"""Training of hand_lite: synthetic hands, targets, augmentation and the fit run."""
