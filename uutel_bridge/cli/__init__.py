"""The command `uutel-bridge`."""
