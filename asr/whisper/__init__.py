"""What the Whisper engine is made of; the engine itself is `asr/engines/whisper_batch.py`."""
