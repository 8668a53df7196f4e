"""What every log of a hub does, whichever database keeps it; and what PostgreSQL does besides."""
