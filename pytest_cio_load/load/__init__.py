"""Making iterations happen: the schedule (pure arithmetic), the clocks, and the drivers for async and sync bodies."""
