"""The workflows behind the commands, one module a command, callable from Python."""
