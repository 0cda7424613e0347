"""Single-file checkpoints, in the layout of the latent diffusion code (LDM), made into folders in diffusers' layout."""
