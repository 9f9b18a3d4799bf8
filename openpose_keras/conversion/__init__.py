"""Foreign weight files: fetched, read, converted, verified and written."""
