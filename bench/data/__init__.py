"""What is known before and after a run: layers, contract, custom server, records. Imports no other room."""
