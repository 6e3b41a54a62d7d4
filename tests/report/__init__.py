"""Tests of asgi_anatomy/report/."""
