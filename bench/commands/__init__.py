"""The commands, one file each, named after it. Imports every other room."""
