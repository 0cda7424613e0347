"""What is done to the words of a request before it is an order: they are screened, enhanced and translated."""
