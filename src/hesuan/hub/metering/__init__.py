"""Metering: one usage record a run, from the centre's own accounting; what differs is a finding."""
