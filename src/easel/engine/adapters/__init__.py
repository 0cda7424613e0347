"""LoRAs and their relatives: read, fitted to a network, drawn with.

Most are low-rank: they go beside the network's weights, as an input of each call, so that every row of a call may have
others. What is not low-rank is merged into the weights for the calls of its own pictures and taken out again.
"""
