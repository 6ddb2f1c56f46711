"""The audit room: every fact once, then for ever; the append-only log and its signed checkpoints.

The lowest room of the hub: every other room records here and none is imported.
"""
