"""The softphone's face: strip, ring bar, clocks of the call, gate keys and the take-back bar. It shows and asks; the line acts."""
