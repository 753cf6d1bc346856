"""The `.tflite` file: its metadata, its integrity, and the runtimes that execute it."""
