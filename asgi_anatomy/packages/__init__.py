"""Versions of Python packages: what they are, and environments that have them."""
