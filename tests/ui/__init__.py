"""The screen, tested on real desks, offscreen."""
