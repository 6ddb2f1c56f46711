"""Centres, their site agents, what was measured there, and the commands left for them."""
