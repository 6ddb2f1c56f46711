"""Surveillance: gathers facts by the rooms' tables, judges them, keeps the flags, and lets people answer."""
