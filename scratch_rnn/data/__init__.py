"""Data that ships with the package: mnist_sample.npz, written by `scratch_rnn.data.mnist.write_sample`."""
