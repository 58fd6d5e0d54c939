"""The database's history: one line of revisions for the tables of the store and of the work orders."""
