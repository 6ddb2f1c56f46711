"""Kubernetes: ``batch/v1`` Jobs, asked for over the API server's own HTTP as any client of it would."""
