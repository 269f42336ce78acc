"""k6's options, read and carried over to marked tests. Reads JSON, writes text, and knows neither k6's scripts nor pytest."""
