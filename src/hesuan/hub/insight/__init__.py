"""Insight: read-only windows over the rooms below, judged by pure warning rules."""
