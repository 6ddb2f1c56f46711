"""Engines a run can be started on. They are strangers to each other and share one contract."""
