"""The page, the REST API and the live WebSocket."""
