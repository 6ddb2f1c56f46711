"""The disclosure room: what happens to a programme's money becomes entries of its public log."""
