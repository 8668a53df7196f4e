"""What the desk says without being asked, beside the work and never in its way: a link that is down, what is not sent yet.

No modal boxes: bars, panels and a page.
"""
