"""Meters: what a run has used, read from somebody other than the run itself."""
