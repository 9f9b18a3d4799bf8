"""The renderer of clothed people with keypoints: bodies, clothes, poses, scenes and labels."""
