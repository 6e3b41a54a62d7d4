"""Two versions of a package, compared by counts and by time."""
