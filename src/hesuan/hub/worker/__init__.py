"""The worker: one visible table from messages and facts to handlers, and the loop that walks it."""
