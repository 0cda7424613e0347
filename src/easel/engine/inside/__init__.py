"""What may be done inside a U-Net while it is called, for the rows of that call alone: weights stay as they are."""
