"""Exact counts of one request: instructions, bytecodes, calls, system calls, call trees."""
