"""Calls, legs, utterances and intents in a database."""
