"""Tests of asgi_anatomy/data/."""
