"""Fetch, read, convert, verify and write weight files of other projects."""
