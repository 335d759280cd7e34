"""The commands of scratch-rnn, one per file; keras_reference adds its own through an entry point."""
