"""What surveillance said and what people answered: read by every room that must wait for it.

The room stands low so that a quote, a claim and a payment ask it inside their own transaction; that a flag is
raised is news from above, and surveillance alone writes it.
"""
