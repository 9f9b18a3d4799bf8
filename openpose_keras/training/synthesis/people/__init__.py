"""Renders clothed people with their keypoints: bodies, clothes, poses, the scene, the labels."""
