"""The commands, a file each, named like it. Imports every other room."""
