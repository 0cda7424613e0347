"""What the engine does against what others do, on this machine: scenarios, peers, limits."""
