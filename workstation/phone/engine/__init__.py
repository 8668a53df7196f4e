"""The phone engine: a process of its own, no Qt. SIP on one asyncio loop, RTP on a thread of its own, sound, and a
journal.

It rings, answers and keeps the conversation while the screen is locked, stalled or gone (promises P2, P3).
"""
