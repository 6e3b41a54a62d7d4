"""Tests of asgi_anatomy/measure/."""
