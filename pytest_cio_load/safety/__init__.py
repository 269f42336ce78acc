"""What keeps a load test from doing harm: the ledger of made-up people, so that every one of them is deleted again."""
