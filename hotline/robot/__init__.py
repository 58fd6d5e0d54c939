"""The voice that answers when no one can."""
