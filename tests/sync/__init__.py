"""Sync: the routes, the hub as a process, the desk's loop, over real sockets with real faults."""
