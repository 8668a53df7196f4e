"""PostgreSQL as the hub's log uses it: connections, rows, the turn to write, who waits for news, the search index."""
