"""How desks and hub exchange ops: the bytes that travel, the routes that carry them, the desk's side and the hub."""
