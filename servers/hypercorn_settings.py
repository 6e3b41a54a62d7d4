"""hypercorn's settings for the layer `hypercorn`: the answer of the layer `uvicorn`, and persistent connections."""

include_date_header = False
include_server_header = False
keep_alive_max_requests = 1_000_000_000
keep_alive_timeout = 60
