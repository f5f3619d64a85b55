"""The vendors' services, on this machine."""
