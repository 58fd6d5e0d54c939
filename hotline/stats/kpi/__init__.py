"""What is measured: every figure is one object, from which reports, lists, exports and docs are made."""
