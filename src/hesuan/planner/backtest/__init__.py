"""Published runs beside forecasts: who is missed by how much, and why nobody should take our word for it."""
