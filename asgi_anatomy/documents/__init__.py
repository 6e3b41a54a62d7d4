"""Records, and what shows them: tables, formats, charts, parts of a page."""
