"""One folder per kind of state we sync."""
