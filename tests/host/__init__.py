"""Tests of asgi_anatomy/host/."""
