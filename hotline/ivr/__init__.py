"""What the caller hears and is asked: flows as data, a pure machine, prompts."""
