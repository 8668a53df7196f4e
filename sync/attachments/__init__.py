"""Attachments: files beside the record, encrypted, named by the digest of what is stored (promise S12)."""
