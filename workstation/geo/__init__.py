"""Where: the gazetteer of villages that turns what is typed into a place, and never without saying how sure it is."""
