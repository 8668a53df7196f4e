"""Panel B of the desk's page: the agencies of an incident, its card, the type letters and the caller's earlier calls."""
