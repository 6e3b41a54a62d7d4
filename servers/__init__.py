"""What is measured: one short file per layer, and nothing but that layer."""
