"""The commands of scratch-rnn, one a file; keras_reference adds its own through an entry point."""
