"""Converting a Keras model to a verified `.tflite` file."""
