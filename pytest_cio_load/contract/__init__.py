"""What was promised, and whether it was kept.

`contract` holds `Contract` and reads the marker into one (`merge`, `build`, `parse_spec`); `profile` is its rate line,
`threshold` one clause with its grammar, `clauses` all of them with the default contract, `marker` the keywords, `spec` the
one-line form, `hints` what an author probably meant; `verdict` judges a run by its contract.
"""
