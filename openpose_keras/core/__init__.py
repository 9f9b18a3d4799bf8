"""What things are: skeletons, keypoints, boxes, errors and files."""
