"""Our load against k6's, Locust's and one by hand, side by side on one machine: ``python -m examples.benchmark --help``."""
