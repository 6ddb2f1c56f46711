"""Programmes: rules as documents, applications judged by them, vouchers; the policy engine's only caller."""
