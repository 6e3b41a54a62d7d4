"""What each release of a package costs, counted."""
