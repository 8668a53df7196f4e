"""The snapshot: what entities are, folded and signed by a hub, for a desk that has next to nothing yet (S6).

`form` is its bytes, `making` makes it, `shelf` keeps and serves it, `taking` takes it in.
"""
