"""The audit chain: nothing that is on record can be altered without its being seen."""
