"""Organisations, people, roles, bearer tokens; the actor and what it may know of."""
