"""Small parts every page is made of: labels, buttons, key caps, panels, chips, status marks, clocks."""
