"""One command, ``hesuan``: thin; it parses, calls and prints."""
