"""What is measured: one short file a layer, and nothing but that layer."""
