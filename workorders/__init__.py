"""The domain of filing and dispatching work orders; knows nothing of calls or audio."""
