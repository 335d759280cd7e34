"""The Keras twin of a scratch_rnn model, and training the two side by side."""
