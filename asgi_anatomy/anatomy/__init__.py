"""Where the work of one request goes, counted exactly: `anatomy`, `diff`."""
