"""The layouts that a folder of pictures can have, one module each."""
