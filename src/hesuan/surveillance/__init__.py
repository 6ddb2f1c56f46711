"""Surveillance: rules over what happened on the market, pure. Facts in, flags out; no clock, no database.

The rules run on facts that do not change (transfers, orders, usage, claims, relations), so that they can be
run again: the same facts and the same thresholds give the same flags, byte for byte. A flag accuses nobody;
it stops, holds or shows, and a person decides.
"""
