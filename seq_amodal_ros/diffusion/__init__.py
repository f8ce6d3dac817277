"""Diffusion over masks: noise schedules and samplers, pure functions over tensors."""
