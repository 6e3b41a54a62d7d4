"""What can be measured: layers, ladders, contracts, workloads, servers of one's own."""
