"""ControlNets (arXiv:2302.05543): a copy of a network's first half reads a hint and adds to what the second reads."""
