"""Where the hub keeps its log: one module a database."""
