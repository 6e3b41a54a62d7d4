"""Tests of bench/anatomy/."""
