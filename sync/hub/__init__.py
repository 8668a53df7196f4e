"""The hub: a store behind the routes of `sync.serve`, as a process of its own (`python -m sync.hub --help`)."""
