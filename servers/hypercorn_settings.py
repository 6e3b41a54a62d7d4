"""hypercorn's settings for the layer `hypercorn`: the same answer as under uvicorn, to the byte."""

include_date_header = False
include_server_header = False
