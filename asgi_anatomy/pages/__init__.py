"""What shows several kinds of records at once: the page, the charts, the generated parts of README and docs."""
