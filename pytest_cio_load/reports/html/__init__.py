"""The HTML report: one page that opens offline, made from run documents alone."""
