"""Panel B of the desk's page: an incident's agencies, its card, the type letters, the caller's earlier calls."""
