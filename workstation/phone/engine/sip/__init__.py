"""The SIP user agent of a desk (RFC 3261): tolerant reading, transactions, registration, dialogs, offer and answer.

Every INVITE from the registrar or a listed peer rings, however odd; anything else gets no answer (promise P1).
"""
