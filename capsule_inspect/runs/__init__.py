"""The folders that commands leave: making them, saying what made them, listing them."""
