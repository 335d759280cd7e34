"""Training a stack of layers: losses, metrics, optimizers, `Sequential`, and what computes its batches."""
