"""The desk without its screen: domain, store, service, phone; no Qt."""
