"""Mirrors servers/ and asgi_anatomy/: real servers, real wrk."""
