"""The harness: how it is measured. `python -m asgi_anatomy --help` lists the commands."""
