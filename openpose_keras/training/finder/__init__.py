"""Training of hand_finder: targets, samples and the task."""
