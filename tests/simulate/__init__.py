"""Deterministic simulation of a site: real stores and sync over an invented wire, clock and power, out of one seed."""
