"""Tests of asgi_anatomy/commands/."""
