"""Records -> output for people and programs. Imports data and stats: it needs no server, no wrk and no Linux."""
