"""Answers of OpenPose's own code, and a program that tells how many of them we agree with.

    python -m tests.goldens FILE [--scenes SCRIPT]

The file, JSON or gzipped JSON, holds the answers; the script rebuilds their inputs from seeds.
"""
