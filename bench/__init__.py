"""The harness: how it is measured. `python -m bench --help` lists the commands."""
