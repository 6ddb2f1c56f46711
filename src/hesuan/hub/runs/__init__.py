"""Runs: one attempt of one order at one centre; its state is a maximum over what its agent reported."""
