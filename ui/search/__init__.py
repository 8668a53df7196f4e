"""Alt 5, Ctrl F: the search page."""
