"""Exact counts of one request: instructions, bytecodes, calls, system calls. Imports data, stats, host."""
