"""hypercorn's settings for the layer `hypercorn`: answers like the layer `uvicorn`, persistent connections."""

include_date_header = False
include_server_header = False
keep_alive_max_requests = 1_000_000_000
keep_alive_timeout = 60
