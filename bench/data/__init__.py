"""Inputs and outputs of a run: layers, contract, custom server, records. Imports no other room."""
