"""Tests of bench/host/."""
