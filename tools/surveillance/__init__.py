"""A made-up market with injected frauds, on which the rules of surveillance are measured."""
