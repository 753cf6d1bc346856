"""The Keras network: encoders, decoder, heads, pretrained weights and losses."""
