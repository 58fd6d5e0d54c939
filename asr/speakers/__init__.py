"""Who speaks: speaker embeddings, clustering, and how far a diarisation is from the truth."""
