"""Two records compared: which layers changed."""
