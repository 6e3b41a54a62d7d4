"""How it is measured: the harness. `python -m bench --help` lists what it does."""
