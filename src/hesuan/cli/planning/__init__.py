"""What ``hesuan plan`` prints and draws: text, JSON and pictures, with the standard library and NumPy."""
