"""Mirrors servers/ and bench/: real servers, real wrk."""
