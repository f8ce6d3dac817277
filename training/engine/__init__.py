"""The data engine: scenes without end, composed on the training device, with exact truth."""
