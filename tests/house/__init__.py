"""Figures about the code itself: `python -m tests.house` prints them beside their aims."""
