"""Training of hand_lite: data, target heatmaps, augmentation and the run itself."""
