"""One file an engine; each imports its library inside the constructor, which runs only in a worker."""
