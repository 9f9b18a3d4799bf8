"""hand_finder: its targets, its samples, its training."""
