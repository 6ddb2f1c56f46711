"""Predictions for work orders: the only room that calls the planner."""
