"""The process that draws: claims jobs, drives an engine, delivers pictures."""
