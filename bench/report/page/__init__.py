"""Records -> one HTML page that needs no network. Needs the group `report`; the rest of report/ does not."""
