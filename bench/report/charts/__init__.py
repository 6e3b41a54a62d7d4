"""A record -> values -> a Vega-Lite specification by Altair: one file a picture, named after it.

Needs the group `report`; the rest of report/ does not.
"""
