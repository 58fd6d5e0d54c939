"""From turns to intents: category, service, slots, and the words each came from."""
