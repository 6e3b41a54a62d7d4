"""Tests of bench/data/."""
