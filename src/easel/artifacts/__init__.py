"""Pictures: their bytes, their records, their links and what is written into them."""
