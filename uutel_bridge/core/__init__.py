"""What every provider shares."""
