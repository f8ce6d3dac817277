"""The paper's system: presets, training (Alg. 1), sampling (Alg. 2) and its experiments."""
