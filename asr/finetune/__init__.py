"""Making training material for the recogniser, and training it; never imported by the serving process."""
