"""The anatomy of one request: exact counts of instructions, Python calls, bytecodes and system calls."""
