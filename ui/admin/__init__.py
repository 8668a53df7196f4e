"""Who is at the desk and whether the desk is well: the sign-in page, and IT's page."""
