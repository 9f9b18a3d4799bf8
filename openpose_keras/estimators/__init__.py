"""From an image to keypoints."""
