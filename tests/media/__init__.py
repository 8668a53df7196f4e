"""The sound of a call: codec, packets, playout, session, devices."""
