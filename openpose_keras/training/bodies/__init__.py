"""Training of body networks: targets, samples and the task."""
