"""One folder per provider; nothing here imports a sibling."""
