"""The softphone's face: strip, ring bar, clocks, gate keys, take-back bar. It shows and asks; the line acts."""
