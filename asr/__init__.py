"""Audio in, text out; knows nothing of calls."""
