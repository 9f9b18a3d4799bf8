"""Images, OpenPose JSON, label files and the provenance of weights."""
