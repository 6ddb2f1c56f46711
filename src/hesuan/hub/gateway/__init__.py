"""The site agents' door: signed messages in, commands out; nothing is decided here."""
