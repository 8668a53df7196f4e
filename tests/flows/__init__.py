"""Whole ways through the real parts: SIPp, Kamailio, a sound server, the hub, a cable to cut, two desks with hands."""
