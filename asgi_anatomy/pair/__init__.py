"""One layer against another, and how often a slow-down of known size is found."""
