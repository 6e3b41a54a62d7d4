"""Tests of asgi_anatomy/anatomy/."""
