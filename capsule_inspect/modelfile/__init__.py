"""The `.tflite` file: its metadata, its checks, and the runtimes that run it."""
