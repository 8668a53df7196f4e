"""What the desk says without being asked, never in the way of the work: a link that is down, what is not sent.

No modal boxes: bars, panels and a page.
"""
