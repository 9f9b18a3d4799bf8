"""Basic types and functions: skeletons, keypoints, boxes, errors and files."""
