"""What each layer of a ladder costs: the decay table, by workload, by machine, by kind of client."""
