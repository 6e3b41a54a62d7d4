"""Servers under many connections, or at fixed rates."""
