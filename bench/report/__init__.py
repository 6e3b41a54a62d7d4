"""Records -> what people and programs read. Imports data and stats: it needs no server, no wrk and no Linux."""
