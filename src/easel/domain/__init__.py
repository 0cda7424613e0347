"""Words every process shares: frozen data, money and error classes."""
