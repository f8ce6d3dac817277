"""Real 3-D objects: cutouts rendered from meshes, and piles of them with exact amodal truth."""
