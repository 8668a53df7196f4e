"""What a person who cannot see the colours, or the screen, needs: names, roles, contrast, keys."""
