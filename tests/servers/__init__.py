"""Tests of servers/."""
