"""``python -m examples.benchmark``."""

from examples.benchmark.run import main

if __name__ == "__main__":
    raise SystemExit(main())
