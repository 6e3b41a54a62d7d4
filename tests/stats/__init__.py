"""Tests of asgi_anatomy/stats/."""
