"""What the whole suite shares: pytester, for running real suites inside tests."""

pytest_plugins = ["pytester"]
