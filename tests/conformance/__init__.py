"""The same behaviour from every provider, fake and real."""
