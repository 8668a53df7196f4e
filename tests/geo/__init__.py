"""Typed text to places."""
