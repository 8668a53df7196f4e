"""The demonstration: a small PBX with a queue, callers who speak, a hub, a cable that can be cut and two real desks.

Everything in it is real: SIP and RTP on loopback, a private sound server, desks as processes of their own with
encrypted stores. It is what `./run` plays, and the base of training.
"""
