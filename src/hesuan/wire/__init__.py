"""What travels and what is proven: canonical JSON, keys, messages, the log's tree, receipts, verification.

Stands on the standard library and ``cryptography`` alone, so that an auditor can read all of it. Hub, site
agent and verifier share it; nothing here knows a database or a network.
"""
