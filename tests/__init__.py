"""Everything that proves the product: one folder a room, plus flows through all rooms, figures and packaging."""
