"""Easel: a self-hosted image-generation cloud."""

__version__ = "0.1.0"
