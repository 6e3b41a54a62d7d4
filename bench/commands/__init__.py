"""The commands: those that measure, and those that show what was measured."""
