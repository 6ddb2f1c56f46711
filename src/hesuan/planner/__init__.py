"""The planner: forecasts from measurements and models; pure, so that anybody can run it without a hub."""
