"""Tests of bench/commands/."""
