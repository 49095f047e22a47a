"""Laws of one pixel and of the latents, and divergences between laws."""
