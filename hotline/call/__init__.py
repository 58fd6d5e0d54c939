"""One conversation, from the first frame to its record."""
