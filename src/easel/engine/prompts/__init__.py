"""From the words of a request to what a network reads: what is said when, in which chunks, encoded once."""
