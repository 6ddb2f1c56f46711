"""``make bench-scale``: how many runs a minute one hub carries, and what gives way first."""
