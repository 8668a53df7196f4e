"""The softphone: `line` is the desk's side, `engine` a process of its own that rings, talks and journals without the
screen.

`wire` holds what the two say to each other, `settings` what a site can set, `meeting` how they find each other.
"""
