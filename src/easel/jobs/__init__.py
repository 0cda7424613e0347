"""Durable work: the row is the queue."""
