"""The Keras network: encoders, decoder, heads, losses and optimizer."""
